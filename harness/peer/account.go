package peer

import "github.com/lwm2mspec/lwm2mspec/lwm2m"

// Security is the account's instance of object 0 (Core E.1). Without security there is no key
// material; the resources are mandatory and stay empty.
func (a Account) Security() lwm2m.Tree {
	var t lwm2m.Tree
	at := lwm2m.NewPath(0, a.SecurityID)
	identity, key := a.Identity, a.Key
	if a.Mode == NoSec {
		identity, key = nil, nil
	}
	t.Add(at.Child(0), lwm2m.StringValue(a.URI))
	t.Add(at.Child(1), lwm2m.BooleanValue(a.Bootstrap))
	t.Add(at.Child(2), lwm2m.IntegerValue(int64(a.Mode)))
	t.Add(at.Child(3), lwm2m.OpaqueValue(identity))
	t.Add(at.Child(4), lwm2m.OpaqueValue(nil))
	t.Add(at.Child(5), lwm2m.OpaqueValue(key))
	if !a.Bootstrap {
		t.Add(at.Child(10), lwm2m.IntegerValue(int64(a.ShortServerID)))
	}
	return t
}

// Server is the account's instance of object 1 (Core E.2); a bootstrap-server account has none.
func (a Account) Server() lwm2m.Tree {
	var t lwm2m.Tree
	if a.Bootstrap {
		return t
	}
	at := lwm2m.NewPath(1, a.ServerID)
	t.Add(at.Child(0), lwm2m.IntegerValue(int64(a.ShortServerID)))
	t.Add(at.Child(1), lwm2m.IntegerValue(a.Lifetime))
	optional := func(id uint16, n *int64) {
		if n != nil {
			t.Add(at.Child(id), lwm2m.IntegerValue(*n))
		}
	}
	optional(2, a.DefaultPmin)
	optional(3, a.DefaultPmax)
	optional(5, a.DisableTimeout)
	t.Add(at.Child(6), lwm2m.BooleanValue(a.NotifyStoring))
	t.Add(at.Child(7), lwm2m.StringValue(a.Binding))
	return t
}
