// Promql lets Prometheus' own code judge expressions. Without an argument it parses a JSON list of
// them and names those that are refused; with `eval` it tells what they are of given series, by
// `{"expressions": […], "series": [{"labels": {…}, "value": 1}]}`, as a list of lists of values.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/tsdb/chunks"
	"github.com/prometheus/prometheus/util/annotations"
)

type given struct {
	Expressions []string
	Series      []struct {
		Labels map[string]string
		Value  float64
	}
}

func main() {
	run := parsed
	if len(os.Args) > 1 && os.Args[1] == "eval" {
		run = evaluated
	}
	if err := run(os.Stdin); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func parsed(from io.Reader) error {
	var expressions []string
	if err := json.NewDecoder(from).Decode(&expressions); err != nil {
		return err
	}
	var refused error
	for _, text := range expressions {
		if _, err := parser.ParseExpr(text); err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", text, err)
			refused = fmt.Errorf("not all are expressions")
		}
	}
	return refused
}

func evaluated(from io.Reader) error {
	var told given
	if err := json.NewDecoder(from).Decode(&told); err != nil {
		return err
	}
	engine := promql.NewEngine(promql.EngineOpts{MaxSamples: 10_000, Timeout: time.Minute, LookbackDelta: time.Minute})
	values := [][]float64{}
	for _, text := range told.Expressions {
		query, err := engine.NewInstantQuery(context.Background(), told.queryable(), nil, text, time.Unix(0, 0))
		if err != nil {
			return fmt.Errorf("%s: %w", text, err)
		}
		vector, err := query.Exec(context.Background()).Vector()
		if err != nil {
			return fmt.Errorf("%s: %w", text, err)
		}
		found := []float64{}
		for _, sample := range vector {
			found = append(found, sample.F)
		}
		values = append(values, found)
	}
	return json.NewEncoder(os.Stdout).Encode(values)
}

// queryable is a storage that holds the series, each with one sample, at the time zero.
func (told given) queryable() storage.Queryable {
	chosen := func(_ bool, _ *storage.SelectHints, matchers ...*labels.Matcher) storage.SeriesSet {
		set := &set{at: -1}
		for _, each := range told.Series {
			if named := labels.FromMap(each.Labels); matches(named, matchers) {
				samples := []chunks.Sample{sample(each.Value)}
				set.series = append(set.series, storage.NewListSeries(named, samples))
			}
		}
		return set
	}
	return &storage.MockQueryable{MockQuerier: &storage.MockQuerier{SelectMockFunction: chosen}}
}

func matches(named labels.Labels, matchers []*labels.Matcher) bool {
	for _, matcher := range matchers {
		if !matcher.Matches(named.Get(matcher.Name)) {
			return false
		}
	}
	return true
}

type set struct {
	series []storage.Series
	at     int
}

func (s *set) Next() bool                      { s.at++; return s.at < len(s.series) }
func (s *set) At() storage.Series              { return s.series[s.at] }
func (*set) Err() error                        { return nil }
func (*set) Warnings() annotations.Annotations { return nil }

type sample float64

func (sample) T() int64                      { return 0 }
func (s sample) F() float64                  { return float64(s) }
func (sample) H() *histogram.Histogram       { return nil }
func (sample) FH() *histogram.FloatHistogram { return nil }
func (sample) Type() chunkenc.ValueType      { return chunkenc.ValFloat }
func (s sample) Copy() chunks.Sample         { return s }
