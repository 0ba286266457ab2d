// Package prtg writes a result for PRTG: the XML of an EXE/Script Advanced
// sensor, the JSON of a Script v2 sensor, and the lookup that turns the status
// into a state of the sensor. It decides nothing; the state is the result's.
//
// PRTG knows a channel by its name, or by its number in Script v2: a renamed or
// renumbered channel is a new one, and its history stays behind.
package prtg
