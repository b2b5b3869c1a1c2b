// Dashboards and alert rules for other programs.
import { z } from 'zod'
import { rulesOf } from '../alerts/settings.ts'
import { grafanaDashboard } from '../dashboards/grafana.ts'
import { prometheusRules } from '../dashboards/rules.ts'
import { defineRoute, json, type Route } from '../http/route.ts'

export const dashboardRoutes: readonly Route[] = [
  defineRoute({
    method: 'GET',
    path: 'grafana/dashboard.json',
    summary: 'Generate a Grafana dashboard with every metric',
    scope: 'metrics:read',
    answers: {
      200: {
        description: 'A dashboard to import',
        schema: z.looseObject({ uid: z.string(), panels: z.array(z.unknown()) }),
      },
    },
    handle: ({ control }) => json(200, grafanaDashboard({ version: control.version })),
  }),
  defineRoute({
    method: 'GET',
    path: 'prometheus/rules.yml',
    summary: 'Generate alert rules for Prometheus with the thresholds of alert_rules/',
    scope: 'metrics:read',
    answers: { 200: { description: 'A rules file' } },
    handle: async ({ control }) => ({
      status: 200,
      text: prometheusRules(await rulesOf(control.store)),
      headers: { 'Content-Type': 'application/yaml' },
    }),
  }),
]
