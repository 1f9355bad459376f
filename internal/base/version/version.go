// Package version says which build of the program this is. It reads what the
// linker and the Go toolchain left in the binary; which migrations or interfaces
// a build speaks is said elsewhere.
package version

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
)

// release is set by the linker alone, for a release that is not built as a
// module version: -ldflags "-X …/internal/base/version.release=v1.2.3".
var release string

// Devel is the program version of a build that carries none.
const Devel = "devel"

// Info is what is known about a build.
type Info struct {
	Program  string `json:"program"`            // "v1.2.3", or Devel
	Revision string `json:"revision,omitempty"` // of the source, 12 characters; "" when it was not recorded
	Modified bool   `json:"modified,omitempty"` // the source differed from the revision
	Go       string `json:"go"`                 // "go1.26.1"
	Platform string `json:"platform"`           // "linux/amd64"
}

// Read returns what is known about the running program.
func Read() Info {
	build, _ := debug.ReadBuildInfo()
	return describe(release, build)
}

// String is Read in one line: "v1.2.3 (1f0c2d9b7a31, go1.26.1, linux/amd64)".
func String() string { return Read().String() }

func (i Info) String() string {
	var parts []string
	if i.Revision != "" {
		revision := i.Revision
		if i.Modified {
			revision += "+dirty"
		}
		parts = append(parts, revision)
	}
	parts = append(parts, i.Go, i.Platform)
	return fmt.Sprintf("%s (%s)", i.Program, strings.Join(parts, ", "))
}

// describe prefers the linker's word, then the module version that `go install
// …@v1.2.3` or a tagged checkout leaves. build may be nil.
func describe(release string, build *debug.BuildInfo) Info {
	i := Info{Program: release, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	if build != nil {
		if i.Program == "" && build.Main.Version != "(devel)" {
			i.Program = build.Main.Version
		}
		for _, s := range build.Settings {
			switch s.Key {
			case "vcs.revision":
				i.Revision = s.Value[:min(len(s.Value), 12)]
			case "vcs.modified":
				i.Modified = s.Value == "true"
			}
		}
	}
	if i.Program == "" {
		i.Program = Devel
	}
	return i
}
