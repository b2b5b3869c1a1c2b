// Metrics that the control plane adds to the library's own.
import type { MetricDefinition } from 'millpond/observe'

export const HEALTH: MetricDefinition = {
  name: 'millpond_health_score',
  kind: 'gauge',
  labels: ['cache'],
  help: 'Health of a cache, 0 to 100.',
}
export const LATE: MetricDefinition = {
  name: 'millpond_node_late',
  kind: 'gauge',
  labels: ['cache', 'node'],
  help: 'Whether a process is silent.',
}
