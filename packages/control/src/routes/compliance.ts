// Compliance: what is required here, and how far it is so.
import { z } from 'zod'
import { appendAudit } from '../audit/audit.ts'
import { complianceReport, complianceReportOf } from '../compliance/report.ts'
import { complianceDocument, complianceOf, putCompliance, REGIMES } from '../compliance/settings.ts'
import { defineRoute, json, type Route } from '../http/route.ts'

export const complianceRoutes: readonly Route[] = [
  defineRoute({
    method: 'GET',
    path: 'compliance/',
    summary: 'The controls of GDPR, SOC 2, HIPAA and PCI DSS that a cache can answer for, each with its evidence, or why it is not covered',
    scope: 'audit:read',
    rate: 'scan',
    query: z.strictObject({ regime: z.enum(REGIMES).optional().describe('default: all') }),
    answers: { 200: { description: 'As of now: the whole audit is read for it', schema: complianceReport } },
    async handle({ control, query, who }) {
      const report = await complianceReportOf(control, query.regime)
      await control.store.write((tx) =>
        appendAudit(control.store, tx, { ...who, kind: 'access', action: 'compliance.report', target: query.regime ?? 'all' }),
      )
      return json(200, report)
    },
  }),
  defineRoute({
    method: 'GET',
    path: 'compliance/settings/',
    summary: 'What is required here',
    scope: 'config:read',
    answers: { 200: { description: 'As it stands', schema: complianceDocument } },
    handle: async ({ control }) => json(200, await complianceOf(control.store)),
  }),
  defineRoute({
    method: 'PUT',
    path: 'compliance/settings/',
    summary: 'Say which regimes apply and what is required: a violation raises the alert compliance',
    scope: 'users:write',
    body: complianceDocument,
    answers: { 200: { description: 'As it stands now', schema: complianceDocument } },
    async handle({ control, body, who }) {
      await putCompliance(control.store, body, who)
      return json(200, body)
    },
  }),
]
