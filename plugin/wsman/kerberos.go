package wsman

func newKerberos(t *target) (mechanism, error) {
	return nil, fail(StageConfigure, ReasonUnsupported, "", "Kerberos")
}
