# bash completion for check_exchange_authcert
_check_exchange_authcert() {
    local word=${COMP_WORDS[COMP_CWORD]} option=${COMP_WORDS[COMP_CWORD-1]}
    COMPREPLY=()
    if [[ $word == = ]]; then
        word=
    elif [[ $option == = ]]; then
        option=${COMP_WORDS[COMP_CWORD-2]}
    fi
    case $option in
    --via) COMPREPLY=($(compgen -W 'exchange winrm' -- "$word")) ;;
    --auth) COMPREPLY=($(compgen -W 'auto kerberos ntlm basic' -- "$word")) ;;
    -o|--output) COMPREPLY=($(compgen -W 'nagios prtg prtg-v2 zabbix json' -- "$word")) ;;
    --print) COMPREPLY=($(compgen -W 'collector zabbix prtg-lookup icinga2 director nagios nrpe mrpe' -- "$word")) ;;
    --snapshot|--client-secret-file|--client-certificate|--credentials|--keytab|--ccache|--krb5-conf|--exchange-credentials|--ca-file|--save) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$word") ;;
    -H|--hostname|--published|--kdc) COMPREPLY=($(compgen -A hostname -- "$word")) ;;
    --ldap|--tenant|--client-id|--application|--cloud|-u|--username|--exchange-username|--exchange-url|-p|--port|--tls-server-name|-w|--warning|-c|--critical|--next-warning|--selfsigned-warning|--selfsigned-critical|--state|--only|--exclude-server|--replication-grace|--max-age|--at|-t|--timeout) ;;
    *) COMPREPLY=($(compgen -W '--help --hostname --local --snapshot --published --via --ldap --check-published --check-tls --tenant --client-id --client-secret-file --client-certificate --application --cloud --username --auth --credentials --keytab --ccache --krb5-conf --kdc --exchange-username --exchange-credentials --exchange-url --port --https --ca-file --tls-server-name --insecure --warning --critical --next-warning --selfsigned-warning --selfsigned-critical --state --only --exclude-server --replication-grace --max-age --at --timeout --output --verbose --save --print --list-findings --version' -- "$word")) ;;
    esac
}
complete -F _check_exchange_authcert check_exchange_authcert
