# Reads what check_exchange_authcert judges, on an Exchange server or any domain member, and prints it. It changes nothing.
#
# Runs in Windows PowerShell 5.1 with the language, .NET and Microsoft.PowerShell.Core alone: no module is loaded, and
# nothing depends on the culture. ASCII only, no string over several lines, every comment on a line of its own: the check
# takes comments and indentation off before it sends the script, which has to fit into one command line.
#
# By hand or as a scheduled task (the account needs the role View-Only Configuration, or is SYSTEM on an Exchange server):
#   cmd /c "powershell.exe -NoProfile -NonInteractive -ExecutionPolicy Bypass -File collect.ps1 > new.txt && move /y new.txt authcert.txt"
#
# Standard input, if there is any: one line, the base64 form of UTF-8 "key=value" lines. The password is never printed.
#   nonce     8 to 64 hexadecimal digits to stand in the markers; they say "local" when nothing was read
#   kind      what origin.kind says
#   url       Exchange's PowerShell endpoint; this host's own by default
#   username, password   for that endpoint; without a username the current identity, then the snap-in
#   auth      Kerberos (default), Negotiate or Basic
#   tls       "insecure": accept any certificate of an https endpoint
#   timeout   seconds for one cmdlet
#   deadline  seconds after which nothing more is asked
#   ports     whose certificates are read from every server by a TLS handshake, comma-separated; may be empty
#   store     location of the certificate store
#
# Standard output: a BEGIN and an END marker, between them base64 of gzip of CLIXML.

# This comes first and calls no method, for constrained language would run nothing else.
$mode = $ExecutionContext.SessionState.LanguageMode
if ($mode -ne 'FullLanguage' -or $PSVersionTable.PSVersion -lt '5.1') {
    "check_exchange_authcert refused: PowerShell $($PSVersionTable.PSVersion), $mode"
    exit
}
$ErrorActionPreference = 'Stop'
$ProgressPreference = $WarningPreference = 'SilentlyContinue'

# What went wrong is told by types, categories and codes (WinRM's, Win32's, SSPI's): messages are localised.
$reasons = [ordered]@{
    'timeout' = 'Timeout|TimedOut|Canceled|#80338(029|126)|#800705B4'
    'throttled' = 'OverBudget|Throttl|Limits|Quota|ResourceBusy|#803381A[4-6]'
    'access-denied' = 'Unauthorized|Security|AuthenticationError|Authoriz|Denied|CommandNotFound|#(0000|8007)(0005|05(1F|2[0EF]|3[0-3])|077[35])|#800903(0C|22)|#80338(0E[245]|10[CE])'
    'not-found' = '(?<!Host)NotFound|#80338(002|03B|113)'
    'unreachable' = 'Socket|Rpc|Connect|Network|Unavailable|ServerDown|OpenError|Trans|#80090(303|311)|#800706BA'
    'unsupported' = 'NotSupp|NotImpl|NotInst|SnapIn|PSArgument'
    'malformed' = 'Format|Xml|InvalidData|Parser|Serialization'
}

function Explain($record) {
    $facts = ''
    for ($e = $record.Exception; $e; $e = $e.InnerException) {
        $text = $e.Message
        $facts += ' {0} {1} #{2:X8} #{3:X8}' -f $e.GetType().Name, $e.SocketErrorCode, $e.HResult, $e.ErrorCode
        foreach ($c in $record.CategoryInfo, $e.ErrorRecord.CategoryInfo) { $facts += " $($c.Reason) $($c.Category)" }
    }
    $text = ($text -creplace '[\s\p{C}]+', ' ').Trim()
    $found = @($reasons.Keys | Where-Object { $facts -cmatch $reasons[$_] }) + 'unreadable'
    @{ reason = $found[0]; message = $text.Substring(0, [Math]::Min(400, $text.Length)) }
}

function Note($stage, $record) {
    $failure = Explain $record
    $failure.stage = $stage
    $null = $out.errors.Add($failure)
}

# A step that fails is noted and gives nothing; the next one goes on.
function Step($stage, $code) { try { & $code } catch { Note $stage $_ } }

function Now { $clock.Elapsed.TotalSeconds }

function Remaining { [double]$p.deadline - (Now) }

# Seconds that one wait may take.
function Patience { [Math]::Max(0.0, [Math]::Min([double]$p.timeout, (Remaining))) }

function GiveUp($message) { throw [TimeoutException]::new($message) }

function ReadParameters {
    if (-not [Console]::IsInputRedirected) { return }
    # A pipe that nobody writes to nor closes must not hold a scheduled task for ever.
    $read = [IO.StreamReader]::new([Console]::OpenStandardInput()).ReadLineAsync()
    if (-not $read.Wait(10000) -or -not $read.Result) { return }
    foreach ($pair in [Text.Encoding]::UTF8.GetString([Convert]::FromBase64String($read.Result)).Split([char]10)) {
        $name, $value = $pair.Split([char[]]'=', 2)
        $p[$name] = $value
    }
    if ($p.nonce -cnotmatch '^[0-9a-f]{8,64}$') { $p.nonce = 'local'; throw [FormatException]::new('standard input holds no nonce') }
    if ($p.username) {
        $secret = [Security.SecureString]::new()
        foreach ($c in "$($p.password)".ToCharArray()) { $secret.AppendChar($c) }
        $p.credential = [pscredential]::new($p.username, $secret)
    }
    $p.Remove('password')
}

function NewExchange {
    $info = [Management.Automation.Runspaces.WSManConnectionInfo]::new([uri]$p.url, 'http://schemas.microsoft.com/powershell/Microsoft.Exchange', $p.credential)
    $info.AuthenticationMechanism = $p.auth
    $info.SkipCACheck = $info.SkipCNCheck = $info.SkipRevocationCheck = $p.tls -eq 'insecure'
    $info.CancelTimeout = 1000
    [runspacefactory]::CreateRunspace($info)
}

function NewSnapIn {
    $state = [initialsessionstate]::CreateDefault2()
    $name = 'Microsoft.Exchange.Management.PowerShell.'
    try { $null = $state.ImportPSSnapIn($name + 'SnapIn', [ref]$null) } catch { $null = $state.ImportPSSnapIn($name + 'E2010', [ref]$null) }
    [runspacefactory]::CreateRunspace($state)
}

function Open($via) {
    if ($via -eq 'snapin') { $opening = NewSnapIn } else { $opening = NewExchange }
    $until = (Now) + (Patience)
    $opening.OpenAsync()
    while (($state = $opening.RunspaceStateInfo).State -in 'BeforeOpen', 'Opening') {
        if ((Now) -ge $until) { $opening.CloseAsync(); GiveUp "no session with $($p.url) in time" }
        [Threading.Thread]::Sleep(20)
    }
    if ($state.State -ne 'Opened') { throw $state.Reason }
    $script:session = $opening
    $out.origin.via = $via
}

# Explicit credentials have no meaning for the snap-in: it works as whoever runs this.
function OpenAny {
    try { Open 'exchange' } catch {
        $first = $_
        if (-not $p.credential) { try { return Open 'snapin' } catch { Note 'open-snapin' $_ } }
        throw $first
    }
}

# Runs a cmdlet by its name, for Exchange's endpoint takes no script. Objects that came before an error are returned, the
# error is noted and left in $partial. A session that broke or is held by a hanging cmdlet is replaced, until that fails.
function Ask($cmdlet, $with = @{}) {
    if ((Remaining) -le 0) { GiveUp "no time was left for $cmdlet" }
    if ($lost) { throw $lost }
    if ($session.RunspaceStateInfo.State -ne 'Opened') { try { Open $out.origin.via } catch { $script:lost = $_; throw } }
    $shell = [powershell]::Create().AddCommand($cmdlet).AddParameters($with)
    $shell.Runspace = $session
    $call = $shell.BeginInvoke()
    if (-not $call.AsyncWaitHandle.WaitOne([int](1000 * (Patience)))) {
        if (-not $shell.BeginStop($null, $null).AsyncWaitHandle.WaitOne(2000)) { $session.CloseAsync(); $script:session = $null }
        GiveUp "$cmdlet did not answer in time"
    }
    $found = @(@($shell.EndInvoke($call)) -ne $null)
    $script:partial = @($shell.Streams.Error)[0]
    if ($partial) {
        if (-not $found) { throw $partial }
        Note $cmdlet.ToLowerInvariant() $partial
    }
    $found
}

function AskSome($cmdlet, $with = @{}) {
    $found = @(Ask $cmdlet $with)
    if (-not $found) { throw "$cmdlet returned nothing" }
    $found
}

# Whether a cmdlet has anything that passes the test; nothing when it fails.
function AskAny($cmdlet, $test) { @(Step $cmdlet.ToLowerInvariant() { @(Ask $cmdlet).Where($test).Count -gt 0 })[0] }

# Dates are UTC or carry their kind; what should be one and is none stays as it came, for the reader to refuse. Nothing at
# all would not be $null to the serializer, hence the last branch.
function Pick($value) {
    if ($value -is [bool]) { $value }
    elseif ($value -is [datetime]) { $value.ToUniversalTime() }
    elseif ("$value") { "$value" }
    else { $null }
}

# Services come as names from a live object and as a number over remoting, or not at all.
function PickServices($value) {
    $known = 'IMAP', 'POP', 'UM', 'IIS', 'SMTP', 'Federation', 'UMCallRouter'
    $bits = "$value" -as [int]
    if ($null -eq $bits) { "$value".Split([char[]]', ') -ne '' -ne 'None' }
    else { $known.Where({ $bits -shr $known.IndexOf($_) -band 1 }) }
}

function PickRole($server) {
    foreach ($role in 'Edge', 'Mailbox', 'ClientAccess') { if ($server."Is${role}Server") { return $role.ToLowerInvariant() } }
    Pick "$($server.ServerRole)".ToLowerInvariant()
}

# Whether CryptoAPI (csp) or a key storage provider (cng) holds the key, and lets it out. Getters are called as methods,
# for PowerShell turns an exception of a property into nothing, and CNG's is known by that exception.
function AddKey($own, $entry) {
    try {
        $container = $own.get_PrivateKey().get_CspKeyContainerInfo()
        $entry.keyProvider = 'csp'
        $entry.privateKeyExportable = $container.get_Exportable()
    } catch {
        if ($entry.keyProvider) { return }
        try {
            $policy = [Security.Cryptography.X509Certificates.RSACertificateExtensions]::GetRSAPrivateKey($own).get_Key().get_ExportPolicy()
            $entry.keyProvider = 'cng'
            $entry.privateKeyExportable = [bool]([int]$policy -band 3)
        } catch { return }
    }
}

function ReadStore {
    $store = [Security.Cryptography.X509Certificates.X509Store]::new('My', $p.store)
    $store.Open('OpenExistingOnly')
    foreach ($own in $store.Certificates) {
        $entry = @{ rawData = $own.RawData; friendlyName = Pick $own.FriendlyName; hasPrivateKey = $own.HasPrivateKey }
        if ($own.HasPrivateKey) { AddKey $own $entry }
        $entry
    }
}

# Over Exchange's remoting a certificate may consist of RawData alone.
function ReadCertificates($entry) {
    $found = @(AskSome 'Get-ExchangeCertificate' @{ Server = $entry.fqdn })
    $entry.certificates = @(foreach ($c in $found) {
        if ($c.RawData -as [byte[]]) {
            $facts = @{ rawData = [byte[]]$c.RawData }
            foreach ($name in 'friendlyName', 'hasPrivateKey', 'privateKeyExportable') { $facts[$name] = Pick $c.$name }
            if ("$($c.Services)") { $facts.services = @(PickServices $c.Services) }
            $facts
        }
    })
    if ($partial) { throw $partial }
    $without = $found.Count - $entry.certificates.Count
    if ($without) { throw "$without of $($found.Count) certificates came without RawData" }
}

# What this host's store knows of the keys; its certificates themselves when the cmdlet brought none.
function MergeStore($entry) {
    if (-not $entry.certificates) {
        $entry.certificates = $stored
        $entry.certificatesFrom = 'store'
    }
    foreach ($c in $entry.certificates) {
        foreach ($own in $stored) {
            if ("$($own.rawData)" -ne "$($c.rawData)") { continue }
            foreach ($name in @($own.Keys)) { if ($null -ne $own[$name]) { $c[$name] = $own[$name] } }
        }
    }
}

# All connections begin at once: servers that are down cost one wait together. The handshake stays in this thread, for the
# script block that accepts any certificate runs in no other.
function ReadServed($entries) {
    $tries = @(foreach ($entry in $entries) {
        $entry.served = @()
        foreach ($port in [int[]]$p.ports.Split([char]',')) {
            $client = [Net.Sockets.TcpClient]@{ ReceiveTimeout = 4000; SendTimeout = 4000 }
            @{ entry = $entry; port = $port; client = $client; task = $client.ConnectAsync($entry.fqdn, $port) }
        }
    })
    $until = (Now) + [Math]::Min(4.0, (Remaining))
    foreach ($try in $tries) {
        $seen = @{ port = $try.port }
        $tls = $null
        try {
            if (-not $try.task.Wait([int](1000 * [Math]::Max(0.0, $until - (Now)))) -or (Remaining) -le 0) { GiveUp 'no connection in time' }
            $tls = [Net.Security.SslStream]::new($try.client.GetStream(), $false, { $true })
            $tls.AuthenticateAsClient($try.entry.fqdn, $null, 'Tls, Tls11, Tls12', $false)
            $seen.rawData = $tls.RemoteCertificate.GetRawCertData()
        } catch {
            # Who hangs up on a handshake has no certificate for the port: that is what was served, and no failure.
            $failure = Explain $_
            if (-not $tls -or $_.Exception.InnerException -isnot [IO.IOException] -or $failure.reason -eq 'timeout') { $seen.error = $failure }
        }
        $try.client.Close()
        $try.entry.served += $seen
    }
}

function ReadAuthConfig {
    $config = @(AskSome 'Get-AuthConfig')[0]
    $facts = @{}
    foreach ($name in 'currentCertificateThumbprint', 'previousCertificateThumbprint', 'nextCertificateThumbprint', 'nextCertificateEffectiveDate',
        'serviceName', 'realm', 'whenChangedUTC', 'originatingServer') { $facts[$name] = Pick $config.$name }
    $facts
}

# Hybrid without the wizard has no HybridConfiguration, but Entra ID as authorization server and Exchange Online as partner.
function ReadHybrid {
    $wizard = AskAny 'Get-HybridConfiguration' { $true }
    $server = AskAny 'Get-AuthServer' { $_.Enabled -and "$($_.Type)" -in 'AzureAD', 'MicrosoftACS', '5', '1' }
    $partner = AskAny 'Get-PartnerApplication' { $_.Enabled -and "$($_.ApplicationIdentifier)" -eq '00000002-0000-0ff1-ce00-000000000000' }
    $app = AskAny 'Get-SettingOverride' { $_.ComponentName -eq 'Global' -and $_.SectionName -eq 'ExchangeOnpremAsThirdPartyAppId' -and $_.Parameters -contains 'Enabled=true' }
    $configured = [bool]($wizard -or ($server -and $partner))
    if (-not $configured -and $null -in $wizard, $server, $partner) { $configured = $null }
    @{ configured = $configured; dedicatedApp = $app }
}

function ReadServers {
    $found = @(AskSome 'Get-ExchangeServer')
    $transport = @(Step 'get-transportservice' { Ask 'Get-TransportService' })
    foreach ($server in $found) {
        @{ fqdn = ("$($server.Fqdn)", "$($server.Name)" -ne '')[0]; adminDisplayVersion = Pick $server.AdminDisplayVersion
            site = Pick "$($server.Site)".Split([char]'/')[-1]; role = PickRole $server
            internalTransportCertificateThumbprint = Pick ($transport | Where-Object { $_.Name -eq $server.Name }).InternalTransportCertificateThumbprint }
    }
}

function Collect {
    $network = [Net.NetworkInformation.IPGlobalProperties]::GetIPGlobalProperties()
    $self = "$($network.HostName).$($network.DomainName)".Trim([char]'.')
    if (-not $p.url) { $p.url = "http://$self/PowerShell/" }
    $out.origin = @{ kind = $p.kind; host = $self }
    Step 'open-exchange' { OpenAny }
    $servers = @()
    if ($session) {
        Step 'get-authconfig' { $out.authConfig = ReadAuthConfig }
        $out.hybrid = ReadHybrid
        $servers = @(Step 'get-exchangeserver' { ReadServers })
    }
    # Edge servers and those before 2013 do not hold the Auth Certificate; a version that cannot be read drops no server.
    $asked = @($servers | Where-Object { $_.role -notin 'edge', 'none' -and $_.adminDisplayVersion -cnotmatch '^Version ([0-9]|1[0-4])\.' })
    foreach ($entry in $asked) { try { ReadCertificates $entry } catch { $entry.error = Explain $_ } }
    # Without a list of servers this host stands for itself, if Exchange is installed here.
    if (-not $servers -and $env:ExchangeInstallPath) { $servers = $asked = @(@{ fqdn = $self; error = $out.errors[-1] }) }
    $stored = @(Step 'store' { ReadStore })
    if ($stored -and -not $out.origin.via) { $out.origin.via = 'store' }
    foreach ($entry in $asked) { if ($stored -and $entry.fqdn -eq $self) { MergeStore $entry } }
    if ($p.ports) { Step 'served' { ReadServed $asked } }
    $out.servers = $servers
}

$clock = [Diagnostics.Stopwatch]::StartNew()
$p = @{ nonce = 'local'; kind = 'powershell'; auth = 'Kerberos'; timeout = 60; deadline = 300; ports = '443,444'; store = 'LocalMachine' }
$out = @{ schema = 1; takenAt = [datetime]::UtcNow; servers = @(); errors = [Collections.ArrayList]@() }
Step 'parameters' { ReadParameters }
if (-not $out.errors) { Step 'collector' { Collect } }
$xml = [Text.Encoding]::UTF8.GetBytes([Management.Automation.PSSerializer]::Serialize($out, 8))
$memory = [IO.MemoryStream]::new()
$gzip = [IO.Compression.GZipStream]::new($memory, [IO.Compression.CompressionMode]::Compress)
$gzip.Write($xml, 0, $xml.Length)
$gzip.Close()
$mark = "AUTHCERT $($p.nonce)-----`r`n"
[Console]::Out.Write("`r`n-----BEGIN $mark$([Convert]::ToBase64String($memory.ToArray(), 'InsertLineBreaks'))`r`n-----END $mark")
# Exchange counts open sessions; one that does not close in time ends with this process.
if ($session) { try { $session.Close() } catch { $null = $_ } }
exit 0
