# There is no WSMan client outside of Windows: a second engine answers for Exchange's endpoint. An alias goes before the
# collector's own function.
function global:OpenSecondEngine { [runspacefactory]::CreateOutOfProcessRunspace($null, [System.Management.Automation.Runspaces.PowerShellProcessInstance]::new()) }
${alias:NewExchange} = 'OpenSecondEngine'
