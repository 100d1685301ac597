package lwm2m

// TypeOf tells the data type of a resource (or of a resource instance, by its resource) and whether
// the resource is multiple; known is false when it cannot say.
type TypeOf func(Path) (t Type, multiple, known bool)

// DecodeContext is what decoding a payload depends on beside its bytes.
type DecodeContext struct {
	Base    Path    // the path of the request the payload belongs to; the root for composites and Send
	Types   TypeOf  // nil: types follow from the encoding alone
	Version Version // rules that changed between versions; 0: the newest
	Method  string  // "GET", "PUT", "POST", "FETCH", "iPATCH"; "" when unknown
}

// Type is the model's type of the resource at p, Unknown when there is none.
func (c DecodeContext) Type(p Path) Type {
	if c.Types == nil || p.Level() < LevelResource {
		return Unknown
	}
	t, _, known := c.Types(p)
	if !known {
		return Unknown
	}
	return t
}

// Multiple says whether the model knows the resource at p to be multiple.
func (c DecodeContext) Multiple(p Path) (multiple, known bool) {
	if c.Types == nil || p.Level() < LevelResource {
		return false, false
	}
	_, multiple, known = c.Types(p)
	return multiple, known
}
