// The controls that a cache can answer for, by regime, each with the fact that answers it; and those that it cannot,
// with the reason. Numbers as in GDPR (EU 2016/679), the AICPA's Trust Services Criteria of 2017, 45 CFR 164 (HIPAA),
// PCI DSS 4.0.1. A control that is met here says nothing about the systems around the cache.
import type { FactName } from './evidence.ts'
import type { Regime } from './settings.ts'

export interface ControlDefinition {
  readonly id: string
  readonly title: string
  /** The fact that answers it; a text: why there is none. */
  readonly by: FactName | { readonly not: string }
}

const TRANSIT = 'TLS to servers is configured on the tiers (rediss://, sslmode): the control plane does not see it'
const ORGANISATION = 'the responsibility of your organisation, not of a cache'
const PREMISES = 'depends on where the machines are hosted'
const DOCUMENTS =
  'keeping documents is the responsibility of your organisation; audit rows in this store are never removed: keep its backups for as long'

export const CONTROLS: Readonly<Record<Regime, readonly ControlDefinition[]>> = {
  gdpr: [
    { id: 'Art. 5(1)(e)', title: 'Storage limitation', by: 'retention' },
    { id: 'Art. 5(2)', title: 'Accountability', by: 'audit' },
    { id: 'Art. 17', title: 'Right to erasure', by: 'erasure' },
    { id: 'Art. 25', title: 'Data protection by design: access by default', by: 'access' },
    { id: 'Art. 30', title: 'Records of processing activities', by: { not: ORGANISATION } },
    { id: 'Art. 32(1)(a)', title: 'Encryption of personal data', by: 'encryption' },
    { id: 'Art. 32(1)(b)', title: 'Ongoing confidentiality: who views values', by: 'values' },
    { id: 'Art. 32(1)(b), in transit', title: 'Encryption in transit', by: { not: TRANSIT } },
    { id: 'Art. 33', title: 'Notice of a breach', by: 'alerts' },
  ],
  soc2: [
    {
      id: 'CC1 to CC5',
      title: 'Environment, communication, risk, monitoring, control activities',
      by: { not: ORGANISATION },
    },
    { id: 'CC6.1', title: 'Logical access: protection of stored data', by: 'encryption' },
    { id: 'CC6.1, keys', title: 'Key management', by: 'keys' },
    { id: 'CC6.2', title: 'Issuing and removing credentials', by: 'tokens' },
    { id: 'CC6.3', title: 'Access by role and least privilege', by: 'access' },
    { id: 'CC6.4', title: 'Physical access', by: { not: PREMISES } },
    { id: 'CC6.5', title: 'Disposal of data', by: 'erasure' },
    { id: 'CC6.6, CC6.8', title: 'Boundaries of the system, malicious software', by: { not: ORGANISATION } },
    { id: 'CC6.7', title: 'Transmission of data', by: { not: TRANSIT } },
    { id: 'CC7.1', title: 'Detection of vulnerabilities', by: { not: ORGANISATION } },
    { id: 'CC7.2', title: 'Monitoring for anomalies', by: 'alerts' },
    { id: 'CC7.3', title: 'Evaluation of events: a tamper-evident log', by: 'audit' },
    { id: 'CC7.4, CC7.5', title: 'Response to incidents, recovery from them', by: { not: ORGANISATION } },
    { id: 'CC8.1', title: 'Changes: who made which one, and when', by: 'audit' },
    { id: 'CC9', title: 'Risk mitigation, vendors', by: { not: ORGANISATION } },
    { id: 'A1, PI1, P1 to P8', title: 'Availability, integrity of processing, privacy', by: { not: ORGANISATION } },
    { id: 'C1.1', title: 'Confidential information is identified', by: { not: ORGANISATION } },
    { id: 'C1.2', title: 'Disposal of confidential information', by: 'retention' },
  ],
  hipaa: [
    { id: '164.308', title: 'Administrative safeguards', by: { not: ORGANISATION } },
    { id: '164.310', title: 'Physical safeguards', by: { not: PREMISES } },
    { id: '164.312(a)(1)', title: 'Access control', by: 'access' },
    { id: '164.312(a)(2)(i)', title: 'Unique identification of users', by: 'access' },
    { id: '164.312(a)(2)(ii)', title: 'Access in emergencies', by: { not: ORGANISATION } },
    { id: '164.312(a)(2)(iii)', title: 'Credentials that end', by: 'tokens' },
    { id: '164.312(a)(2)(iv)', title: 'Encryption at rest', by: 'encryption' },
    { id: '164.312(b)', title: 'Audit controls', by: 'audit' },
    { id: '164.312(b), values', title: 'Viewing of values is recorded', by: 'values' },
    { id: '164.312(c)(1)', title: 'Integrity: who changed what is recorded', by: 'audit' },
    { id: '164.312(c)(2)', title: 'Altered data is detected when it is read', by: 'encryption' },
    { id: '164.312(d)', title: 'Authentication of people and programs', by: 'access' },
    { id: '164.312(e)(1)', title: 'Transmission security', by: { not: TRANSIT } },
    { id: '164.316(b)(2)(i)', title: 'Documentation is kept for six years', by: { not: DOCUMENTS } },
    { id: '164.314, 164.404', title: 'Business associate contracts, breach notification', by: { not: ORGANISATION } },
  ],
  pci_dss: [
    {
      id: '1, 2, 5, 9, 11, 12',
      title: 'Networks, configurations, malware, premises, testing, policies',
      by: { not: ORGANISATION },
    },
    { id: '3.2.1', title: 'Stored data is kept no longer than needed', by: 'retention' },
    { id: '3.5.1', title: 'Stored account data is unreadable', by: 'encryption' },
    { id: '3.7.4', title: 'Keys are changed at the end of their cryptoperiod', by: 'keys' },
    { id: '4.2.1', title: 'Strong cryptography in transit', by: { not: TRANSIT } },
    { id: '7.2', title: 'Access by role', by: 'access' },
    { id: '8.2.6', title: 'Unused accounts are removed', by: 'tokens' },
    { id: '10.2.1', title: 'Actions and access to account data are recorded', by: 'values' },
    { id: '10.3.4', title: 'The log cannot be changed unnoticed', by: 'audit' },
    { id: '10.5.1', title: 'The log is kept for twelve months', by: 'audit' },
    { id: '10.7.2', title: 'Failures of critical controls raise alerts', by: 'alerts' },
  ],
}
