package wsmantest

import (
	"encoding/xml"
)

// node is any element of CLIXML.
type node struct {
	XMLName  xml.Name
	Name     string `xml:"N,attr"`
	Text     string `xml:",chardata"`
	Children []node `xml:",any"`
}

// find is the first element of that name below.
func (n *node) find(name string) *node {
	for i := range n.Children {
		if n.Children[i].Name == name {
			return &n.Children[i]
		}
		if found := n.Children[i].find(name); found != nil {
			return found
		}
	}
	return nil
}

// parseCmdlet reads the first command of a CREATE_PIPELINE message.
func parseCmdlet(document []byte) (c Cmdlet, script bool) {
	var root node
	c.Parameters = map[string]string{}
	if err := xml.Unmarshal(document, &root); err != nil {
		return c, true
	}
	name, isScript, args := root.find("Cmd"), root.find("IsScript"), root.find("Args")
	if name == nil || isScript == nil || args == nil || isScript.Text != "false" {
		return c, true
	}
	c.Name = name.Text
	for _, list := range args.Children {
		for i := range list.Children {
			if n, v := list.Children[i].find("N"), list.Children[i].find("V"); n != nil && v != nil {
				c.Parameters[n.Text] = v.Text
			}
		}
	}
	return c, false
}
