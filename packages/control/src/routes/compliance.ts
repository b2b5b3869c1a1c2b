// Compliance: what is required here, and how far it is met.
import { z } from 'zod'
import { appendAudit } from '../audit/audit.ts'
import { complianceReport, complianceReportOf } from '../compliance/report.ts'
import { complianceDocument, complianceOf, putCompliance, REGIMES } from '../compliance/settings.ts'
import { defineRoute, json, type Route } from '../http/route.ts'

export const complianceRoutes: readonly Route[] = [
  defineRoute({
    method: 'GET',
    path: 'compliance/',
    summary:
      'List the controls of GDPR, SOC 2, HIPAA and PCI DSS that concern a cache, each with its evidence or the reason why it is not covered',
    scope: 'audit:read',
    rate: 'scan',
    query: z.strictObject({ regime: z.enum(REGIMES).optional().describe('default: all') }),
    answers: { 200: { description: 'The current state: this reads the whole audit', schema: complianceReport } },
    async handle({ control, query, caller }) {
      const report = await complianceReportOf(control, query.regime)
      await control.store.write((tx) =>
        appendAudit(control.store, tx, {
          ...caller,
          kind: 'access',
          action: 'compliance.report',
          target: query.regime ?? 'all',
        }),
      )
      return json(200, report)
    },
  }),
  defineRoute({
    method: 'GET',
    path: 'compliance/settings/',
    summary: 'Show the compliance requirements',
    scope: 'config:read',
    answers: { 200: { description: 'The current state', schema: complianceDocument } },
    handle: async ({ control }) => json(200, await complianceOf(control.store)),
  }),
  defineRoute({
    method: 'PUT',
    path: 'compliance/settings/',
    summary: 'Set which regimes apply and what they require: a violation raises the alert compliance',
    scope: 'users:write',
    body: complianceDocument,
    answers: { 200: { description: 'The new state', schema: complianceDocument } },
    async handle({ control, body, caller }) {
      await putCompliance(control.store, body, caller)
      return json(200, body)
    },
  }),
]
