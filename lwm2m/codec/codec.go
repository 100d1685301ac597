// Package codec turns payloads into value trees and value trees into payloads, for every content
// format of LwM2M. It dispatches; each format lives in a package of its own below lwm2m/.
package codec

import "github.com/lwm2mspec/lwm2mspec/lwm2m"

// TypeOf tells the data type of a resource (or of a resource instance, by its resource) and whether
// the resource is multiple; known is false when it cannot say.
type TypeOf func(lwm2m.Path) (t lwm2m.Type, multiple, known bool)

// Context is what decoding depends on beside the bytes.
type Context struct {
	Base    lwm2m.Path    // the path of the request the payload belongs to; the root for composites and Send
	Types   TypeOf        // nil: types follow from the encoding alone
	Version lwm2m.Version // rules that changed between versions; 0: the newest
	Method  string        // "GET", "PUT", "POST", "FETCH", "iPATCH"; "" when unknown
}
