package node

import (
	"path"
	"slices"
	"strings"
)

// mount says where a path of the container is on the host.
type mount struct {
	at   string // in the container
	host string
}

// paths rewrites paths of a container to those of the host.
//
// A local process has no mount namespace, so /etc/token/value is nowhere for it. The rule: an environment value or
// an argument that is a mount path, or continues one after a slash, gets the place on the host in its stead; in an
// argument also what follows the first "=", as in --token=/etc/token/value. The termination message path counts as a
// mount of one file. Nothing else is looked into: not a shell line, not a list of paths, not a path that the program
// has built in. The longest mount path wins. It happens once, after $(VAR) has been expanded, because the host's path
// may itself begin with a mount path (/tmp).
type paths []mount

// newPaths orders the mounts so that the first match is the longest.
func newPaths(mounts []mount) paths {
	ordered := make(paths, 0, len(mounts))
	for _, each := range mounts {
		ordered = append(ordered, mount{at: path.Clean(each.at), host: each.host})
	}
	slices.SortStableFunc(ordered, func(a, b mount) int { return len(b.at) - len(a.at) })
	return ordered
}

// value rewrites an environment value.
func (p paths) value(text string) string {
	for _, each := range p {
		if rest, found := strings.CutPrefix(text, each.at); found && (rest == "" || rest[0] == '/') {
			return each.host + rest
		}
	}
	return text
}

// argument rewrites an element of the command line.
func (p paths) argument(text string) string {
	if name, value, found := strings.Cut(text, "="); found && !strings.HasPrefix(text, "/") {
		return name + "=" + p.value(value)
	}
	return p.value(text)
}
