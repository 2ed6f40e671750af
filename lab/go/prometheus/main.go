// The alerts of a file of rules as Prometheus itself raises them: its parser, its engine and its alerting rules.
//
// Standard input is JSON: rules as a file of rules has them, series in Prometheus's notation for tests ("load 5m"
// and what follows), how often rules are evaluated, and at which seconds it is to be told which alerts fire.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/promql/promqltest"
	"github.com/prometheus/prometheus/rules"
)

type input struct {
	Rules []struct {
		Alert  string            `json:"alert"`
		Expr   string            `json:"expr"`
		For    string            `json:"for"`
		Labels map[string]string `json:"labels"`
	} `json:"rules"`
	Load  string  `json:"load"`
	Every int64   `json:"every"`
	At    []int64 `json:"at"`
}

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func main() {
	var given input
	fail(json.NewDecoder(os.Stdin).Decode(&given))
	loader, err := promqltest.NewLazyLoader(given.Load, promqltest.LazyLoaderOpts{EnableAtModifier: true, EnableNegativeOffset: true})
	fail(err)
	defer loader.Close()
	query := rules.EngineQueryFunc(loader.QueryEngine(), loader.Storage())
	var alerting []*rules.AlertingRule
	for _, one := range given.Rules {
		expr, err := parser.NewParser(parser.Options{}).ParseExpr(one.Expr)
		fail(err)
		hold := model.Duration(0)
		if one.For != "" {
			hold, err = model.ParseDuration(one.For)
			fail(err)
		}
		alerting = append(alerting, rules.NewAlertingRule(one.Alert, expr, time.Duration(hold), 0, labels.FromMap(one.Labels), labels.EmptyLabels(), labels.EmptyLabels(), "", true, slog.New(slog.DiscardHandler)))
	}
	told := [][]map[string]string{}
	now := int64(0)
	for _, at := range given.At {
		for ; now <= at; now += given.Every {
			ts := time.Unix(now, 0).UTC()
			loader.WithSamplesTill(ts, fail)
			for _, rule := range alerting {
				_, err := rule.Eval(context.Background(), 0, ts, query, nil, 0)
				fail(err)
			}
		}
		firing := []map[string]string{}
		for _, rule := range alerting {
			for _, alert := range rule.ActiveAlerts() {
				if alert.State == rules.StateFiring {
					firing = append(firing, alert.Labels.Map())
				}
			}
		}
		told = append(told, firing)
	}
	fail(json.NewEncoder(os.Stdout).Encode(told))
}
