package authcert

import "testing"

// TestContradictions has a server listed twice, with facts that cannot both be
// true: neither is believed.
func TestContradictions(t *testing.T) {
	twice := func(change func(*Server)) func(*org) {
		return func(o *org) {
			again := o.Servers[1]
			change(&again)
			o.Servers = append(o.Servers, again)
		}
	}
	is := []verdict{{"server-unreadable", Unknown, "ex02"}}
	judgeRows(t, []row{
		{name: "the same", change: twice(func(*Server) {})},
		{name: "in another spelling", change: twice(func(s *Server) { s.Role = "Mailbox" })},
		{name: "less", change: twice(func(s *Server) { s.Role, s.AdminDisplayVersion, s.InternalTransportCertificateThumbprint = "", "", "" })},
		{name: "another version", change: twice(func(s *Server) { s.AdminDisplayVersion = "Version 15.1 (Build 2507.6)" }), want: is,
			words: []string{"its two entries contradict each other: AdminDisplayVersion Version 15.2 (Build 2562.17) and Version 15.1 (Build 2507.6)"}},
		{name: "another role", change: twice(func(s *Server) { s.Role = "clientaccess" }), want: is, words: []string{"role mailbox and clientaccess"}},
		{name: "another transport certificate", change: twice(func(s *Server) { s.InternalTransportCertificateThumbprint = "AB" }), want: is,
			words: []string{"internal transport certificate ", " and AB"}},
	})
}
