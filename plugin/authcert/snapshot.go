package authcert

// Schema is the version of the snapshot's and the result's JSON form.
const Schema = 1

// Snapshot is what was found out about one Exchange organization: facts only,
// no judgement. Names are Microsoft's property names in camelCase; what is not
// known is absent (null). Every certificate travels as its DER, and all that
// can be computed from it is. A fact with an Origin of its own was added to
// those of the source: without one it comes from where the snapshot does.
type Snapshot struct {
	Schema     int         `json:"schema"`
	TakenAt    Instant     `json:"takenAt"`
	Origin     Origin      `json:"origin"`
	AuthConfig *AuthConfig `json:"authConfig"`
	// OtherAuthConfigs are further reads of the same object, from another
	// domain controller or through another protocol.
	OtherAuthConfigs List[AuthConfig] `json:"otherAuthConfigs,omitempty"`
	Hybrid           *Hybrid          `json:"hybrid"`
	OrganizationGUID string           `json:"organizationGuid,omitempty"` // objectGUID of the organization's container, in its usual form
	Servers          List[Server]     `json:"servers"`
	Entra            *Entra           `json:"entra,omitempty"`
	Errors           List[Problem]    `json:"errors,omitempty"`
	Notes            List[string]     `json:"notes,omitempty"` // how facts that were read twice became one
}

// AuthConfig is what Get-AuthConfig shows.
type AuthConfig struct {
	CurrentCertificateThumbprint  Thumbprint `json:"currentCertificateThumbprint"`
	PreviousCertificateThumbprint Thumbprint `json:"previousCertificateThumbprint"`
	NextCertificateThumbprint     Thumbprint `json:"nextCertificateThumbprint"`
	NextCertificateEffectiveDate  Instant    `json:"nextCertificateEffectiveDate"`
	ServiceName                   string     `json:"serviceName,omitempty"`
	Realm                         string     `json:"realm,omitempty"`
	WhenChangedUTC                Instant    `json:"whenChangedUTC"`
	OriginatingServer             string     `json:"originatingServer,omitempty"` // the domain controller that answered
	Origin                        *Origin    `json:"origin,omitempty"`
}

// Hybrid tells whether the organization shares OAuth with Exchange Online.
type Hybrid struct {
	Configured   *bool   `json:"configured"`
	DedicatedApp *bool   `json:"dedicatedApp"` // the dedicated Exchange hybrid application is switched on
	Origin       *Origin `json:"origin,omitempty"`
}

// Server is one Exchange server and what was found on it.
type Server struct {
	FQDN                                   string            `json:"fqdn"`
	AdminDisplayVersion                    string            `json:"adminDisplayVersion,omitempty"`
	Site                                   string            `json:"site,omitempty"`
	Role                                   string            `json:"role,omitempty"` // "mailbox", "clientaccess", "edge", …; several are separated by commas
	InternalTransportCertificateThumbprint Thumbprint        `json:"internalTransportCertificateThumbprint"`
	Certificates                           List[Certificate] `json:"certificates"`
	Served                                 List[Served]      `json:"served,omitempty"`
	Published                              *Published        `json:"published,omitempty"`
	Origin                                 *Origin           `json:"origin,omitempty"` // of Certificates, or of a server that only Active Directory lists
	Error                                  *Problem          `json:"error"`
}

// Certificate is one entry of a server's LocalMachine\My store. Only RawData
// is sure to be there: in a remote session Exchange's objects carry nothing
// else.
type Certificate struct {
	RawData              DER      `json:"rawData"`
	FriendlyName         string   `json:"friendlyName,omitempty"`
	Services             Services `json:"services"`
	HasPrivateKey        *bool    `json:"hasPrivateKey"`
	PrivateKeyExportable *bool    `json:"privateKeyExportable"`
	KeyProvider          string   `json:"keyProvider,omitempty"` // "csp" or "cng"
}

// Served is what a TLS handshake with one port of a server brought. Without
// RawData and without Error the port answered and served no certificate.
type Served struct {
	Port       int      `json:"port"`
	ServerName string   `json:"serverName,omitempty"` // the name that was asked for (SNI), when the answer is another one without
	RawData    DER      `json:"rawData"`
	Origin     *Origin  `json:"origin,omitempty"`
	Error      *Problem `json:"error,omitempty"`
}

// Published is a server's OAuth metadata document: its signing keys in order,
// and the HTTP status of the answer.
type Published struct {
	Thumbprints  List[Thumbprint] `json:"thumbprints"`
	Certificates List[DER]        `json:"certificates,omitempty"` // those of Thumbprints
	HTTPStatus   int              `json:"httpStatus"`
	TLSVerified  *bool            `json:"tlsVerified,omitempty"` // the front end's certificate was verified
	Error        *Problem         `json:"error,omitempty"`
}

// Entra is what Entra ID trusts for this organization.
type Entra struct {
	Application    string              `json:"application"`
	Shared         bool                `json:"shared,omitempty"` // it is Exchange Online's own service principal, not a dedicated application
	KeyCredentials List[KeyCredential] `json:"keyCredentials"`
}

// KeyCredential is one certificate of an application in Entra ID; its
// Thumbprint is "" when the answer does not tell which certificate it is.
type KeyCredential struct {
	Thumbprint  Thumbprint `json:"thumbprint"`
	EndDateTime Instant    `json:"endDateTime"`
}

// BackEndPort is where the web site "Exchange Back End" listens.
const BackEndPort = 444

// ExchangeServiceName is the ServiceName that AuthConfig has in every
// organization: Exchange's own application identifier.
const ExchangeServiceName = "00000002-0000-0ff1-ce00-000000000000"
