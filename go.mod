module check_exchange_authcert

go 1.26
