package wsmantest

// SecondEngine is loaded before the collector runs on a stand-in host: there is no WSMan client outside of Windows, so
// the session with Exchange goes to a second engine, which takes commands only, as Exchange's endpoint does. An alias
// goes before the script's own function.
const SecondEngine = `function global:OpenSecondEngine { [runspacefactory]::CreateOutOfProcessRunspace($null, [System.Management.Automation.Runspaces.PowerShellProcessInstance]::new()) }
${alias:NewExchange} = 'OpenSecondEngine'
`
