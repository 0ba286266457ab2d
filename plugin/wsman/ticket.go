package wsman

import (
	"context"
	"encoding/hex"
	"time"

	"github.com/jcmturner/gofork/encoding/asn1"
	"github.com/jcmturner/gokrb5/v8/config"
	"github.com/jcmturner/gokrb5/v8/crypto"
	"github.com/jcmturner/gokrb5/v8/iana/errorcode"
	"github.com/jcmturner/gokrb5/v8/iana/keyusage"
	"github.com/jcmturner/gokrb5/v8/iana/nametype"
	"github.com/jcmturner/gokrb5/v8/iana/patype"
	"github.com/jcmturner/gokrb5/v8/keytab"
	"github.com/jcmturner/gokrb5/v8/messages"
	"github.com/jcmturner/gokrb5/v8/types"
)

// ticketSource gets a ticket for the service: from a credential cache, or from the KDCs with a password or a keytab.
type ticketSource struct {
	client   types.PrincipalName
	realm    string // the client's
	service  types.PrincipalName
	password Secret
	keytab   *keytab.Keytab // nil: the password
	cache    *ccache        // nil: the KDC is asked for a ticket-granting ticket
	kdcs     kdcs
}

// maxReferrals is how many realms on the way to the service's are followed.
const maxReferrals = 6

// options are what gokrb5 puts into requests: no addresses, AES only.
func options() *config.Config {
	return &config.Config{LibDefaults: config.LibDefaults{
		NoAddresses:          true,
		TicketLifetime:       10 * time.Hour,
		DefaultTktEnctypeIDs: aesTypes,
		DefaultTGSEnctypeIDs: aesTypes,
		KDCDefaultOptions:    asn1.BitString{Bytes: make([]byte, 4), BitLength: 32},
	}}
}

func (s *ticketSource) serviceTicket(ctx context.Context) (credential, error) {
	var granting credential
	var err error
	if s.cache != nil {
		if held, ok := s.cache.find(s.service.NameString, time.Now()); ok {
			return held, s.usable(held)
		}
		granting, err = s.cache.granting(s.realm, time.Now())
	} else {
		granting, err = s.logon(ctx)
	}
	if err != nil {
		return credential{}, err
	}
	return s.grant(ctx, granting)
}

// logon gets the ticket-granting ticket. The first request says no more than the account's name; the second one, which
// counts as an attempt with the password, is sent once, to the KDC that answered the first.
func (s *ticketSource) logon(ctx context.Context) (credential, error) {
	q, err := messages.NewASReqForTGT(s.realm, options(), s.client)
	if err != nil {
		return credential{}, fail(StageKDC, ReasonUnsupported, "", "Kerberos: building the request for %s: %w", s.realm, err)
	}
	b, err := q.Marshal()
	if err != nil {
		return credential{}, fail(StageKDC, ReasonUnsupported, "", "Kerberos: building the request for %s: %w", s.realm, err)
	}
	reply, kdc, err := s.kdcs.ask(ctx, s.realm, b)
	if err != nil {
		return credential{}, err
	}
	var key types.EncryptionKey
	if e := parseKRBError(reply); e != nil {
		if e.ErrorCode != errorcode.KDC_ERR_PREAUTH_REQUIRED {
			return credential{}, krbError(StageKDC, kdc, e)
		}
		if key, err = s.preauthenticate(&q, e); err != nil {
			return credential{}, err
		}
		if b, err = q.Marshal(); err != nil {
			return credential{}, fail(StageKDC, ReasonUnsupported, "", "Kerberos: building the request for %s: %w", s.realm, err)
		}
		if reply, err = exchangeKDC(ctx, kdc, b); err != nil {
			return credential{}, err
		}
		if e := parseKRBError(reply); e != nil {
			return credential{}, krbError(StageKDC, kdc, e)
		}
	}
	return s.granted(kdc, reply, &q, key)
}

// preauthenticate adds the encrypted time to the request, with the key that the KDC's hints lead to.
func (s *ticketSource) preauthenticate(q *messages.ASReq, e *messages.KRBError) (types.EncryptionKey, error) {
	var hints types.PADataSequence
	if guarded(func() error { return hints.Unmarshal(e.EData) }) != nil {
		hints = nil
	}
	key, err := s.key(hints, 0)
	if err != nil {
		return key, err
	}
	stamp, err := types.GetPAEncTSEncAsnMarshalled()
	if err == nil {
		var sealed types.EncryptedData
		if sealed, err = crypto.GetEncryptedData(stamp, key, keyusage.AS_REQ_PA_ENC_TIMESTAMP, 0); err == nil {
			var value []byte
			value, err = sealed.Marshal()
			q.PAData = types.PADataSequence{{PADataType: patype.PA_ENC_TIMESTAMP, PADataValue: value}}
		}
	}
	if err != nil {
		return key, fail(StageKDC, ReasonUnsupported, "", "Kerberos: building the preauthentication: %w", err)
	}
	return key, nil
}

// granted reads the answer to a request for a ticket-granting ticket.
func (s *ticketSource) granted(kdc string, reply []byte, q *messages.ASReq, key types.EncryptionKey) (credential, error) {
	var rep messages.ASRep
	if guarded(func() error { return rep.Unmarshal(reply) }) != nil {
		return credential{}, malformedKDC(kdc)
	}
	if len(key.KeyValue) == 0 || key.KeyType != rep.EncPart.EType {
		var err error
		if key, err = s.key(rep.PAData, rep.EncPart.EType); err != nil {
			return credential{}, err
		}
	}
	// RFC 4120 7.5.1 allows both usages here, and gokrb5 reads both application tags.
	plain, err := decrypt(key, rep.EncPart.Cipher, keyusage.AS_REP_ENCPART)
	if err != nil {
		return credential{}, krbError(StageKDC, kdc, &messages.KRBError{ErrorCode: errorcode.KDC_ERR_PREAUTH_FAILED})
	}
	var part messages.EncKDCRepPart
	if guarded(func() error { return part.Unmarshal(plain) }) != nil || part.Nonce != q.ReqBody.Nonce ||
		part.SRealm != s.realm || !part.SName.Equal(q.ReqBody.SName) || rep.CRealm != s.realm || !rep.CName.Equal(s.client) {
		return credential{}, malformedKDC(kdc)
	}
	return credential{ticket: rep.Ticket, key: part.Key, ends: part.EndTime}, nil
}

// maxIterations bounds the work that a KDC can ask for in deriving a key; RFC 8009 has 32768.
const maxIterations = 1 << 18

// key is the account's key: of the wanted encryption type, or with 0 of the first AES type in the KDC's hints. (gokrb5
// v8.4.4 takes the first hint whatever its type is.)
func (s *ticketSource) key(hints types.PADataSequence, want int32) (types.EncryptionKey, error) {
	var infos types.ETypeInfo2
	for _, hint := range hints {
		if hint.PADataType == patype.PA_ETYPE_INFO2 && guarded(func() error { return infos.Unmarshal(hint.PADataValue) }) != nil {
			infos = nil
		}
	}
	if len(infos) == 0 {
		for _, id := range aesTypes {
			infos = append(infos, types.ETypeInfo2Entry{EType: id, Salt: s.client.GetSalt(s.realm)})
		}
	}
	for _, info := range infos {
		if !isAES(info.EType) || (want != 0 && info.EType != want) {
			continue
		}
		if s.keytab == nil {
			return s.derive(info)
		}
		if key, _, err := s.keytab.GetEncryptionKey(s.client, s.realm, 0, info.EType); err == nil {
			return key, nil
		}
	}
	if s.keytab != nil {
		return types.EncryptionKey{}, fail(StageKDC, ReasonUnsupported, "make a new keytab with AES keys for it", "the keytab has no AES key of %s that its KDC takes", s.principal())
	}
	return types.EncryptionKey{}, fail(StageKDC, ReasonUnsupported, "enable AES for the account, and set its password anew if that is older than AES in the domain",
		"the KDC takes no AES key of %s", s.principal())
}

func (s *ticketSource) derive(info types.ETypeInfo2Entry) (types.EncryptionKey, error) {
	etype, err := crypto.GetEtype(info.EType)
	if err != nil {
		return types.EncryptionKey{}, fail(StageKDC, ReasonUnsupported, "", "Kerberos: %w", err)
	}
	params := etype.GetDefaultStringToKeyParams()
	if len(info.S2KParams) == 4 {
		params = hex.EncodeToString(info.S2KParams)
		if n := uint64(info.S2KParams[0])<<24 | uint64(info.S2KParams[1])<<16 | uint64(info.S2KParams[2])<<8 | uint64(info.S2KParams[3]); n == 0 || n > maxIterations {
			return types.EncryptionKey{}, fail(StageKDC, ReasonMalformed, "", "the KDC asks for %d iterations to derive a key, more than %d", n, maxIterations)
		}
	}
	value, err := etype.StringToKey(s.password.value(), info.Salt, params)
	if err != nil {
		return types.EncryptionKey{}, fail(StageKDC, ReasonUnsupported, "", "Kerberos: deriving the key of %s failed", s.principal())
	}
	return types.EncryptionKey{KeyType: info.EType, KeyValue: value}, nil
}

// grant turns a ticket-granting ticket into one for the service, following referrals into other realms.
func (s *ticketSource) grant(ctx context.Context, granting credential) (credential, error) {
	realm, wanted := s.realm, s.service
	if r := s.kdcs.realmOf(s.service.NameString[len(s.service.NameString)-1]); r != "" && r != realm {
		wanted = types.PrincipalName{NameType: nametype.KRB_NT_SRV_INST, NameString: []string{"krbtgt", r}}
	}
	for range maxReferrals {
		q, err := s.grantRequest(granting, realm, wanted)
		if err != nil {
			return credential{}, fail(StageKDC, ReasonUnsupported, "", "Kerberos: building the request for %s: %w", s.spn(), err)
		}
		b, err := q.Marshal()
		if err != nil {
			return credential{}, fail(StageKDC, ReasonUnsupported, "", "Kerberos: building the request for %s: %w", s.spn(), err)
		}
		reply, kdc, err := s.kdcs.ask(ctx, realm, b)
		if err != nil {
			return credential{}, err
		}
		if e := parseKRBError(reply); e != nil {
			return credential{}, hintSPN(krbError(StageKDC, kdc, e), e, s.spn())
		}
		var rep messages.TGSRep
		if guarded(func() error { return rep.Unmarshal(reply) }) != nil {
			return credential{}, malformedKDC(kdc)
		}
		plain, err := decrypt(granting.key, rep.EncPart.Cipher, keyusage.TGS_REP_ENCPART_SESSION_KEY)
		var part messages.EncKDCRepPart
		if err != nil || guarded(func() error { return part.Unmarshal(plain) }) != nil || part.Nonce != q.ReqBody.Nonce || len(rep.Ticket.SName.NameString) == 0 {
			return credential{}, malformedKDC(kdc)
		}
		granting = credential{ticket: rep.Ticket, key: part.Key, ends: part.EndTime}
		name := rep.Ticket.SName.NameString
		if name[0] != "krbtgt" {
			return granting, s.usable(granting)
		}
		realm, wanted = name[len(name)-1], s.service
	}
	return credential{}, fail(StageKDC, ReasonNotFound, "check the trusts between the domains, and the service principal name", "no ticket for %s after %d referrals", s.spn(), maxReferrals)
}

func (s *ticketSource) usable(c credential) error {
	if !isAES(c.key.KeyType) {
		return fail(StageKDC, ReasonUnsupported, "enable AES for the account of the service", "the session key for %s is of the type %d, not AES", s.spn(), c.key.KeyType)
	}
	return nil
}

// grantRequest is made here in part, because gokrb5 v8.4.4 names the ticket's realm as the client's, which is wrong
// from the second referral on.
func (s *ticketSource) grantRequest(granting credential, realm string, service types.PrincipalName) (*messages.TGSReq, error) {
	o := options()
	o.LibDefaults.Canonicalize = true // otherwise KDCs give no referrals
	q, err := messages.NewTGSReq(s.client, realm, o, granting.ticket, granting.key, service, false)
	if err != nil {
		return nil, err
	}
	body, err := q.ReqBody.Marshal()
	if err != nil {
		return nil, err
	}
	etype, err := crypto.GetEtype(granting.key.KeyType)
	if err != nil {
		return nil, err
	}
	sum, err := etype.GetChecksumHash(granting.key.KeyValue, body, keyusage.TGS_REQ_PA_TGS_REQ_AP_REQ_AUTHENTICATOR_CHKSUM)
	if err != nil {
		return nil, err
	}
	authenticator, err := types.NewAuthenticator(s.realm, s.client)
	if err != nil {
		return nil, err
	}
	authenticator.Cksum = types.Checksum{CksumType: etype.GetHashID(), Checksum: sum}
	ap, err := messages.NewAPReq(granting.ticket, granting.key, authenticator)
	if err != nil {
		return nil, err
	}
	value, err := ap.Marshal()
	if err != nil {
		return nil, err
	}
	q.PAData = types.PADataSequence{{PADataType: patype.PA_TGS_REQ, PADataValue: value}}
	return &q, nil
}

func (s *ticketSource) principal() string { return s.client.PrincipalNameString() + "@" + s.realm }

func (s *ticketSource) spn() string { return s.service.PrincipalNameString() }
