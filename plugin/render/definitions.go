package render

import _ "embed" // the files below

// What other systems import to run the plugin. The options in Icinga2 and
// Director are the command line's; the tests of the command write them there.
var (
	// Icinga2 holds a CheckCommand with every option, and a Service.
	//
	//go:embed definitions/icinga2.conf
	Icinga2 string

	// Director is a basket with the same command for Icinga Director, which
	// knows no environment: there the password is in a file of credentials.
	//
	//go:embed definitions/director.json
	Director string

	// NagiosObjects holds commands, a host and a service.
	//
	//go:embed definitions/nagios.cfg
	NagiosObjects string

	// NRPE holds a command without arguments from the network.
	//
	//go:embed definitions/nrpe.cfg
	NRPE string

	// MRPE is a line for Checkmk's agent.
	//
	//go:embed definitions/mrpe.cfg
	MRPE string
)
