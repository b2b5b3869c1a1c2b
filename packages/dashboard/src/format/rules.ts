// Display names of the alert rules; the API and configurations use other names.
const NAMES: Readonly<Record<string, string>> = {
  hit_ratio: 'Hit ratio',
  memory_ratio: 'Memory in use',
  response_ms: 'Time of a read',
  load_error_ratio: 'Failed loads',
  regression: 'Slower than an hour ago',
  p95_regression: 'Slower than usual',
  hit_ratio_regression: 'Fewer hits than usual',
  stale_reads: 'Stale reads',
  tier_down: 'Tier down',
  ledger_down: 'Ledger down',
  consistency: 'Late invalidations',
  late_node: 'Silent process',
  process_memory_bytes: 'Memory of a process',
  process_cpu_ratio: 'Processor of a process',
  refused_credentials: 'Refused credentials',
  audit_broken: 'Broken audit',
  compliance: 'Compliance',
}

export const ruleName = (rule: string): string => NAMES[rule] ?? rule.replaceAll('_', ' ')
