// Prints what a chart gives, by Helm's own engine: helm-template CHART NAMESPACE [VALUES], VALUES as YAML.
// What Helm would tell people, the chart's notes, goes to the standard error.
package main

import (
	"fmt"
	"maps"
	"os"
	"path"
	"slices"

	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
)

func main() {
	if len(os.Args) < 3 {
		fail("usage: helm-template CHART NAMESPACE [VALUES]")
	}
	chart, err := loader.Load(os.Args[1])
	check(err)
	given := ""
	if len(os.Args) > 3 {
		given = os.Args[3]
	}
	values, err := chartutil.ReadValues([]byte(given))
	check(err)
	release := chartutil.ReleaseOptions{Name: "kuadrant", Namespace: os.Args[2], Revision: 1, IsInstall: true}
	all, err := chartutil.ToRenderValues(chart, values, release, nil)
	check(err)
	files, err := engine.Render(chart, all)
	check(err)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if path.Base(name) == "NOTES.txt" {
			fmt.Fprint(os.Stderr, files[name])
			continue
		}
		fmt.Printf("---\n%s\n", files[name])
	}
}

func check(err error) {
	if err != nil {
		fail(err)
	}
}

func fail(what any) {
	fmt.Fprintln(os.Stderr, what)
	os.Exit(1)
}
