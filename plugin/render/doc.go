// Package render writes a result in the forms that monitoring systems read:
// the text of a Nagios or Icinga plugin, JSON, and the document that a Zabbix
// template takes apart. It decides nothing; the state of an answer is the
// result's.
//
// Whatever a server sent may stand in a result. Nothing of it can begin
// performance data, move a cursor or become markup here.
package render
