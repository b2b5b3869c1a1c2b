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
/** An arm of the running experiment; its author names the arms, six at most. */
export const EXPERIMENT_REQUESTS: MetricDefinition = {
  name: 'millpond_experiment_requests_total',
  kind: 'counter',
  labels: ['cache', 'arm'],
  help: 'Reads of each arm of the running experiment since its arms began to differ.',
}
