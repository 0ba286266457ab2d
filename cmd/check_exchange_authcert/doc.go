// Command check_exchange_authcert checks the OAuth certificate of an Exchange
// organization, the Microsoft Exchange Server Auth Certificate: its expiry, its
// consistency across all servers, and the state of the other self-signed
// certificates. It answers as a Nagios or Icinga plugin, a PRTG sensor, a Zabbix
// external check, or in JSON, and changes nothing.
//
// This package is the only one that knows every source and every output. main
// owns the process; everything below it gets its arguments, environment,
// streams and clock handed in.
package main
