package authcert

// Rule is one thing that is judged: what it is called, when it is violated,
// how bad that is, what to do, and where Microsoft explains it.
type Rule struct {
	ID        string
	Facet     Facet
	Title     string // when it is violated
	State     string // the state it has by default, in words
	Remedy    string // what to do, in general; a finding fills in the values
	Reference string

	check func(*facts) []Finding
}

// rules is the catalogue, in the order in which findings of the same state are
// reported.
var rules = []Rule{
	{"current-expired", Expiry, "the current Auth Certificate has expired", "CRITICAL",
		"publish the next certificate at once, or a new one", docExpired, currentExpired},
	{"current-expiring", Expiry, "its days left are outside `-w` or `-c` and no sound rollover is staged", "WARNING/CRITICAL",
		"stage a new certificate as next, 49 hours ahead", docMaintain, currentExpiring},
	{"current-not-yet-valid", Expiry, "its NotBefore lies in the future", "CRITICAL",
		"correct the clock, or publish a certificate that is valid now", docMaintain, currentNotYetValid},
	{"next-expired", Expiry, "a next certificate is configured and has expired", "WARNING; CRITICAL from 48 h before its effective date",
		"stage a new certificate as next", docMaintain, nextExpired},
	{"next-expiring", Expiry, "the next certificate's days left are outside `--next-warning`, or it ends before the current one", "WARNING",
		"stage a new certificate as next", docMaintain, nextExpiring},
	{"next-not-valid-when-effective", Expiry, "the next certificate is not yet valid on its effective date", "WARNING; CRITICAL from 48 h before that date",
		"configure a later effective date", docConfig, nextNotValidWhenEffective},

	{"authconfig-unreadable", Consistency, "AuthConfig could not be read", "UNKNOWN",
		"see that the account has the role View-Only Configuration", docReadAuth, authConfigUnreadable},
	{"no-servers", Consistency, "no mailbox server was found to judge", "UNKNOWN",
		"see that the account may run Get-ExchangeServer", docServers, noServers},
	{"server-unreadable", Consistency, "a server's certificates could not be read, or its list is empty", "UNKNOWN",
		"see that the server is up and answers Get-ExchangeCertificate", docReadCert, serverUnreadable},
	{"current-not-configured", Consistency, "AuthConfig names no current certificate", "CRITICAL",
		"make a certificate and publish it", docMaintain, currentNotConfigured},
	{"current-missing", Consistency, "a server, or every server, lacks the current certificate", "CRITICAL; WARNING within `--replication-grace` of a change when others have it",
		"copy it there from a server that has it", docMaintain, currentMissing},
	{"current-no-private-key", Consistency, "a server has the current certificate without its private key", "CRITICAL",
		"repair the key, or copy the certificate again with it", docMaintain, currentNoPrivateKey},
	{"current-key-unsuitable", Consistency, "its key is no RSA key of at least 2048 bits, or lies in a CNG provider", "WARNING",
		"replace it by a certificate that New-ExchangeCertificate made", docMaintain, currentKeyUnsuitable},
	{"current-not-exportable", Consistency, "a server's private key of it cannot be exported, so Exchange cannot replicate it from there", "WARNING",
		"import it again with -PrivateKeyExportable $true, or replace it", docMaintain, currentNotExportable},
	{"current-not-selfsigned", Consistency, "it is issued by another authority, or its own key does not verify it", "WARNING",
		"replace it by a self-signed certificate", docMaintain, currentNotSelfSigned},
	{"current-is-transport", Consistency, "a server uses it as the internal transport certificate too", "WARNING",
		"give the server a transport certificate of its own", docCerts, currentIsTransport},
	{"next-missing", Consistency, "a server, or every server, lacks the next certificate", "WARNING; CRITICAL from 48 h before its effective date",
		"copy it there from a server that has it", docMaintain, nextMissing},
	{"next-no-private-key", Consistency, "a server has the next certificate without its private key", "WARNING; CRITICAL from 48 h before its effective date",
		"repair the key, or copy the certificate again with it", docMaintain, nextNoPrivateKey},
	{"next-is-current", Consistency, "next and current are the same certificate", "WARNING",
		"stage another certificate as next", docConfig, nextIsCurrent},
	{"next-without-date", Consistency, "a next certificate is configured without an effective date", "WARNING",
		"configure it again with a date", docConfig, nextWithoutDate},
	{"next-too-late", Consistency, "next becomes effective after the current certificate has ended", "WARNING; CRITICAL once days left are outside `-c`",
		"configure an earlier effective date", docConfig, nextTooLate},
	{"rollover-overdue", Consistency, "the effective date passed more than 24 h ago and next is still next", "WARNING; CRITICAL once days left are outside `-c`",
		"see to the AuthAdmin servicelet, or publish by hand", docMaintain, rolloverOverdue},
	{"authconfig-unexpected", Consistency, "ServiceName is not Exchange's, or a Realm is set", "WARNING",
		"set ServiceName and Realm back", docConfig, authConfigUnexpected},
	{"authconfig-differs", Consistency, "two reads of AuthConfig differ in a certificate, its date, ServiceName or Realm", "WARNING",
		"see to Active Directory replication", docMaintain, authConfigDiffers},
	{"published-differs", Consistency, "a server publishes another signing certificate than AuthConfig's current one, or than the other servers", "WARNING",
		"wait for its cache of 12 hours, or recycle its Autodiscover pool", docMaintain, publishedDiffers},
	{"published-error", Consistency, "a server's OAuth metadata document answers HTTP 500", "CRITICAL",
		"copy the current certificate there with its key", docMaintain, publishedError},
	{"cloud-missing-current", Consistency, "Entra ID does not hold the current certificate of a hybrid organization", "CRITICAL",
		"upload it", docHybrid, cloudMissingCurrent},
	{"cloud-missing-next", Consistency, "Entra ID does not hold the next certificate and it becomes effective within 14 days", "WARNING; CRITICAL from 48 h before its effective date",
		"upload it", docHybrid, cloudMissingNext},
	{"cloud-unreadable", Consistency, "Entra ID was asked and what it trusts could not be read", "UNKNOWN",
		"see to the application that asks, its credential and its permission Application.Read.All", docGraph, cloudUnreadable},
	{"snapshot-stale", Consistency, "the facts are older than `--max-age`, or from the future", "UNKNOWN",
		"see to the task that writes the snapshot", docScript, snapshotStale},

	{"selfsigned-expired", SelfSigned, "another self-signed certificate has expired", "CRITICAL when a service, the transport or the Back End site uses it, else WARNING",
		"replace it, or remove it when nothing uses it", docCerts, selfSignedExpired},
	{"selfsigned-expiring", SelfSigned, "its days left are outside `--selfsigned-warning` or `--selfsigned-critical`", "WARNING/CRITICAL; WARNING at most when nothing uses it",
		"replace it, or remove it when nothing uses it", docCerts, selfSignedExpiring},
	{"selfsigned-weak", SelfSigned, "its RSA key has fewer than 2048 bits", "WARNING",
		"replace it", docCerts, selfSignedWeak},
	{"transport-missing", SelfSigned, "a server's internal transport certificate is not on the server", "CRITICAL",
		"make a new one and let it be the default for SMTP", docCerts, transportMissing},
	{"backend-unbound", SelfSigned, "port 444, the Back End site, serves no certificate", "CRITICAL",
		"bind Exchange's self-signed certificate to it", docCerts, backEndUnbound},
	{"backend-expired", SelfSigned, "port 444 serves an expired certificate", "CRITICAL",
		"bind a valid certificate to it", docCerts, backEndExpired},
	{"backend-unknown", SelfSigned, "port 444 serves a certificate that is not installed", "CRITICAL",
		"bind an installed certificate to it", docCerts, backEndUnknown},
}

// Catalogue returns all rules in order.
func Catalogue() []Rule { return append([]Rule(nil), rules...) }

func ruleByID(id string) (Rule, bool) {
	for _, rule := range rules {
		if rule.ID == id {
			return rule, true
		}
	}
	return Rule{}, false
}
