package wsmantest

import (
	"fmt"
	"time"

	krbasn1 "github.com/jcmturner/gofork/encoding/asn1"
	"github.com/jcmturner/gokrb5/v8/asn1tools"
	"github.com/jcmturner/gokrb5/v8/crypto"
	"github.com/jcmturner/gokrb5/v8/messages"
	"github.com/jcmturner/gokrb5/v8/types"
)

// mint makes a ticket that ends after life, and what its holder must know of it.
func (r *Realm) mint(client, service types.PrincipalName, life time.Duration) (messages.Ticket, messages.EncKDCRepPart) {
	key, ok := r.key(service.PrincipalNameString())
	if !ok {
		panic(fmt.Sprintf("no service %s", service.PrincipalNameString()))
	}
	now := time.Now().UTC().Truncate(time.Second)
	flags := types.NewKrbFlags()
	part := messages.EncKDCRepPart{
		Key: randomKey(), LastReqs: []messages.LastReq{{LRValue: now}}, Flags: flags,
		AuthTime: now, StartTime: now, EndTime: now.Add(life), SRealm: r.Name, SName: service,
	}
	plain, err := krbasn1.Marshal(messages.EncTicketPart{
		Flags: flags, Key: part.Key, CRealm: r.Name, CName: client, Transited: messages.TransitedEncoding{},
		AuthTime: now, StartTime: now, EndTime: part.EndTime,
	})
	if err != nil {
		panic(err)
	}
	sealed, err := crypto.GetEncryptedData(asn1tools.AddASNAppTag(plain, 3), key, 2, 1)
	if err != nil {
		panic(err)
	}
	return messages.Ticket{TktVNO: 5, Realm: r.Name, SName: service, EncPart: sealed}, part
}
