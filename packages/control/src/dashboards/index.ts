// Dashboards and alert rules for other programs, made from the metrics that the code defines.
export { grafanaDashboard } from './grafana.ts'
export { prometheusRules } from './rules.ts'
