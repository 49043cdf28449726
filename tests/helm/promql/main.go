// Promql parses a JSON list of expressions by Prometheus' own parser, and names those that it refuses.
package main

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/prometheus/prometheus/promql/parser"
)

func main() {
	var expressions []string
	if err := json.NewDecoder(os.Stdin).Decode(&expressions); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	refused := false
	for _, text := range expressions {
		if _, err := parser.ParseExpr(text); err != nil {
			refused = true
			fmt.Fprintf(os.Stderr, "%s: %v\n", text, err)
		}
	}
	if refused {
		os.Exit(1)
	}
}
