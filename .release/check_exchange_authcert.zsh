#compdef check_exchange_authcert
_arguments -s \
  '*-h[Show context-sensitive help.]' \
  '*--help[Show context-sensitive help.]' \
  '*-H[An Exchange server; repeatable\: the first that can be reached is asked.]:HOST:_hosts' \
  '*--hostname=[An Exchange server; repeatable\: the first that can be reached is asked.]:HOST:_hosts' \
  '*--local[Ask Exchange on this host with Windows PowerShell.]' \
  '*--snapshot=[A snapshot in JSON, what the collector printed, a file or folder of Export-Clixml output, or - for standard input.]:PATH:_files' \
  '*--published=[Only the OAuth metadata documents that these servers publish, without an account; repeatable.]:HOST:_hosts' \
  '*--via=[How --hostname is asked, in this order\: exchange (its own PowerShell endpoint, needs only a View-Only role), winrm (a Windows Remote Shell, also sees the host'\''s own store) (exchange,winrm).]:WAY:(exchange winrm)' \
  '*--ldap=[A domain controller, as ldaps\://dc01.contoso.com\: AuthConfig and the servers from Active Directory. Repeatable\: the first that answers is used, the others are compared. With another source AuthConfig is read here too and compared; where that source cannot answer, this does.]:URL: ' \
  '*--check-published[Ask every server for the OAuth metadata document that it publishes (https, without an account).]' \
  '*--check-tls[Look which certificates every server serves on ports 443 and 444.]' \
  '*--tenant=[Ask Entra ID which certificates it trusts\: the tenant'\''s domain or ID.]:NAME: ' \
  '*--client-id=[The application that asks; it has the permission Application.Read.All.]:ID: ' \
  '*--client-secret-file=[Its secret; not readable by every account.]:FILE:_files' \
  '*--client-certificate=[Or its certificate with the RSA key (PEM, not encrypted); not readable by every account.]:FILE:_files' \
  '*--application=[The dedicated hybrid application'\''s name or ID (ExchangeServerApp-…, else the shared principal).]:NAME: ' \
  '*--cloud=[public, usgov, usdod or china (public).]:CLOUD: ' \
  '*-u[user@REALM means Kerberos, DOMAIN\user or a bare name NTLM. The password comes from --credentials or CHECK_EXCHANGE_AUTHCERT_PASSWORD.]:NAME: ' \
  '*--username=[user@REALM means Kerberos, DOMAIN\user or a bare name NTLM. The password comes from --credentials or CHECK_EXCHANGE_AUTHCERT_PASSWORD.]:NAME: ' \
  '*--auth=[kerberos, ntlm, or basic over verified https (auto\: by the user'\''s name). Nothing falls back to another way.]:WAY:(auto kerberos ntlm basic)' \
  '*--credentials=[Lines username = …, password = … and domain = …; not readable by every account.]:FILE:_files' \
  '*--keytab=[Kerberos with a keytab instead of a password.]:FILE:_files' \
  '*--ccache=[Kerberos with a credential cache instead of a password.]:FILE:_files' \
  '*--krb5-conf=[A krb5.conf for realm and KDCs; none is read unless it is named.]:FILE:_files' \
  '*--kdc=[A KDC, instead of those that DNS names; repeatable.]:HOST:_hosts' \
  '*--exchange-username=[Another account for Exchange'\''s own PowerShell endpoint; its password comes from CHECK_EXCHANGE_AUTHCERT_EXCHANGE_PASSWORD.]:NAME: ' \
  '*--exchange-credentials=[The same, from a file.]:FILE:_files' \
  '*--exchange-url=[Exchange'\''s PowerShell endpoint; {host} stands for the host (http\://{host}/PowerShell/, with --https https).]:URL: ' \
  '*-p[WinRM'\''s port (5985, with --https 5986).]:PORT: ' \
  '*--port=[WinRM'\''s port (5985, with --https 5986).]:PORT: ' \
  '*--https[TLS for WinRM and for Exchange'\''s endpoint.]' \
  '*--ca-file=[Trust these certificates (PEM) only.]:FILE:_files' \
  '*--tls-server-name=[The name in the host'\''s certificate, if it is another.]:NAME: ' \
  '*--insecure[Do not verify the host'\''s TLS certificate.]' \
  '*-w[Days left of the current Auth Certificate; N means at least N (60\:).]:RANGE: ' \
  '*--warning=[Days left of the current Auth Certificate; N means at least N (60\:).]:RANGE: ' \
  '*-c[The same, for CRITICAL (30\:).]:RANGE: ' \
  '*--critical=[The same, for CRITICAL (30\:).]:RANGE: ' \
  '*--next-warning=[Days left of the next Auth Certificate (120\:).]:RANGE: ' \
  '*--selfsigned-warning=[Days left of the other self-signed certificates (as --warning).]:RANGE: ' \
  '*--selfsigned-critical=[The same, for CRITICAL (as --critical).]:RANGE: ' \
  '*--state=[Report a finding as another state, as in next-missing=ok; repeatable.]:ID=STATE: ' \
  '*--only=[Judge these only\: expiry, consistency, selfsigned.]:FACET: ' \
  '*--exclude-server=[Leave servers out; repeatable.]:GLOB: ' \
  '*--replication-grace=[How long after a change of AuthConfig a server may lack a certificate with a warning only (48h).]:DURATION: ' \
  '*--max-age=[The oldest snapshot that is believed (24h).]:DURATION: ' \
  '*--at=[Judge as of this date or RFC 3339 time; a snapshot'\''s age is then not judged (now).]:TIME: ' \
  '*-t[The whole run, in seconds or as in 1m30s (50s).]:DURATION: ' \
  '*--timeout=[The whole run, in seconds or as in 1m30s (50s).]:DURATION: ' \
  '*-o[nagios, prtg, prtg-v2, zabbix, json (nagios).]:FORM:(nagios prtg prtg-v2 zabbix json)' \
  '*--output=[nagios, prtg, prtg-v2, zabbix, json (nagios).]:FORM:(nagios prtg prtg-v2 zabbix json)' \
  '*-v[More detail; repeatable.]' \
  '*--verbose[More detail; repeatable.]' \
  '*--save=[Also write the snapshot that was judged (mode 0600).]:FILE:_files' \
  '*--print=[Print what a monitoring system imports, or the collector, and exit 0\: collector, zabbix, prtg-lookup, icinga2, director, nagios, nrpe, mrpe.]:NAME:(collector zabbix prtg-lookup icinga2 director nagios nrpe mrpe)' \
  '*--list-findings[Print every finding that the check knows, and exit 0.]' \
  '*-V[Print the version, and exit 3.]' \
  '*--version[Print the version, and exit 3.]'
