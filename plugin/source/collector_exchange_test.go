package source

// wholeCertificate is Get-ExchangeCertificate as a live session has it: every
// property, enumerations as numbers with a name.
const wholeCertificate = `
function Get-ExchangeCertificate { [CmdletBinding()] param([string] $Server)
    $xml = '<Objs Version="1.1.0.1" xmlns="http://schemas.microsoft.com/powershell/2004/04"><Obj RefId="0"><Props><BA N="RawData">MAMCAQU=</BA><S N="FriendlyName">Microsoft Exchange Server Auth Certificate</S>' +
        '<Obj N="Services" RefId="1"><TN RefId="0"><T>Microsoft.Exchange.Management.SystemConfigurationTasks.AllowedServices</T><T>System.Enum</T></TN><ToString>IMAP, IIS, SMTP</ToString><I32>25</I32></Obj>' +
        '<B N="HasPrivateKey">true</B><B N="PrivateKeyExportable">false</B></Props></Obj></Objs>'
    [System.Management.Automation.PSSerializer]::Deserialize($xml)
}`
