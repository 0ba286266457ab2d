package clixml

import (
	"strings"
	"time"
)

// Object is one value: a primitive, or an <Obj> with what it wraps and carries.
// Slices may be shared between objects; treat everything as read-only.
type Object struct {
	// Type is the element: "S", "I32", "Nil", …; "Obj" for every <Obj>, also one around a
	// primitive or a list; "MS" for a named member set; "PR" for a progress record, of
	// which only the activity is kept (as Text); "Ref" for a cut cycle (see Parse).
	Type string

	// Stream is "Error", "Warning", "Verbose", "Debug", "Information", "Progress" or "Output" for a
	// top-level object of a stream, however the document spells it, and "" otherwise.
	Stream string

	TypeNames []string // most derived first; empty for a plain primitive

	// Text is the <ToString>, or else what a primitive's element holds, unescaped. Half of
	// a surrogate pair, which .NET strings may hold and UTF-8 may not, becomes U+FFFD.
	Text string

	// Value is the primitive, or the one inside an <Obj>, an enum's number for instance: string, bool,
	// int64, uint64 (U64 only), float64, time.Time (UTC), time.Duration or []byte. A decimal is
	// a string, for its digits. It is nil for Nil, for a secure string, for a time span that
	// time.Duration cannot hold (beyond 292 years; Text has it) and for what is no primitive.
	Value any

	Adapted  []Member  // <Props>: the properties of the type
	Extended []Member  // <MS>: the properties added to this object
	Items    []*Object // LST, IE, QUE, STK; not nil for an empty one
	Entries  []Entry   // DCT, in document order
}

// Member is a named property; names are compared without regard to case.
type Member struct {
	Name  string
	Value *Object
}

// Entry is one pair of a dictionary. The key is never nil.
type Entry struct {
	Key, Value *Object
}

// Property returns the extended property, the dictionary entry or the adapted
// property of that name, looked for in this order and without regard to case, or
// nil. Of several with one name the last counts, of several dictionary keys one
// in the same case before one in another. PowerShell finds the same.
func (o *Object) Property(name string) *Object {
	if o == nil {
		return nil
	}
	if extended := lastMember(o.Extended, name); extended != nil {
		return extended
	}
	if entry := o.entry(name); entry != nil {
		return entry
	}
	return lastMember(o.Adapted, name)
}

func (o *Object) entry(name string) *Object {
	var folded *Object
	for i := len(o.Entries) - 1; i >= 0; i-- {
		key, isString := o.Entries[i].Key.Value.(string)
		if isString && key == name {
			return o.Entries[i].Value
		}
		if isString && folded == nil && strings.EqualFold(key, name) {
			folded = o.Entries[i].Value
		}
	}
	return folded
}

func lastMember(members []Member, name string) *Object {
	for i := len(members) - 1; i >= 0; i-- {
		if strings.EqualFold(members[i].Name, name) {
			return members[i].Value
		}
	}
	return nil
}

// IsNil reports whether there is no object or it is $null.
func (o *Object) IsNil() bool {
	return o == nil || o.Type == "Nil"
}

// Str returns the value of S, C, URI, XD, SBK, Version, G and D, and the
// <ToString> of any other <Obj>: an enum's name, a directory object's name.
func (o *Object) Str() (string, bool) {
	if o == nil {
		return "", false
	}
	if s, ok := o.Value.(string); ok {
		return s, true
	}
	if o.Type == "Obj" && o.Text != "" {
		return o.Text, true
	}
	return "", false
}

// Bool returns the value of B.
func (o *Object) Bool() (value, ok bool) {
	if o == nil {
		return false, false
	}
	value, ok = o.Value.(bool)
	return value, ok
}

// Int returns a whole number or an enum's number; a U64 only where int64 holds it.
func (o *Object) Int() (int64, bool) {
	if o == nil {
		return 0, false
	}
	switch n := o.Value.(type) {
	case int64:
		return n, true
	case uint64:
		return int64(n), n <= 1<<63-1
	}
	return 0, false
}

// Time returns a DT in UTC. One without an offset (DateTimeKind.Unspecified) is
// read as if it were UTC: the document does not say what it means.
func (o *Object) Time() (time.Time, bool) {
	if o == nil {
		return time.Time{}, false
	}
	t, ok := o.Value.(time.Time)
	return t, ok
}

// Bytes returns a BA; an empty one is not nil.
func (o *Object) Bytes() ([]byte, bool) {
	if o == nil {
		return nil, false
	}
	b, ok := o.Value.([]byte)
	return b, ok
}

// List returns the items of a list, queue or stack (a stack's top first). Any
// other value is a list of one, because PowerShell unrolls lists of one; absent
// or $null gives nil.
func (o *Object) List() []*Object {
	if o.IsNil() {
		return nil
	}
	if o.Items != nil {
		return o.Items
	}
	return []*Object{o}
}
