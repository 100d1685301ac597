package peer

import "github.com/lwm2mspec/lwm2mspec/lwm2m"

// Device are the values of the reference client's Device object: what C.1 and C.4 ask for.
func Device() lwm2m.Tree {
	var t lwm2m.Tree
	at := lwm2m.NewPath(3, 0)
	t.Add(at.Child(0), lwm2m.StringValue("lwm2mspec"))
	t.Add(at.Child(1), lwm2m.StringValue("Reference Client"))
	t.Add(at.Child(2), lwm2m.StringValue("0000-0001"))
	t.Add(at.Child(3), lwm2m.StringValue("1.0.0"))
	t.Add(at.Child(6).Child(0), lwm2m.IntegerValue(1))
	t.Add(at.Child(6).Child(1), lwm2m.IntegerValue(2))
	t.Add(at.Child(7).Child(0), lwm2m.IntegerValue(3800))
	t.Add(at.Child(7).Child(1), lwm2m.IntegerValue(5000))
	t.Add(at.Child(8).Child(0), lwm2m.IntegerValue(125))
	t.Add(at.Child(8).Child(1), lwm2m.IntegerValue(900))
	t.Add(at.Child(9), lwm2m.IntegerValue(100))
	t.Add(at.Child(11).Child(0), lwm2m.IntegerValue(0))
	t.Add(at.Child(16), lwm2m.StringValue("U"))
	return t
}
