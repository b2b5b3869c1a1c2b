// Every route, in the order of the OpenAPI document.
import type { Route } from '../http/route.ts'
import { accessRoutes, sessionRoute } from './access.ts'
import { alertSettingRoutes } from './alert-settings.ts'
import { alertRoutes } from './alerts.ts'
import { applicationRoutes } from './application.ts'
import { auditRoutes } from './audit.ts'
import { cdnRoutes } from './cdn.ts'
import { cdnFolderRoutes } from './cdn-folders.ts'
import { complianceRoutes } from './compliance.ts'
import { configurationRoutes } from './configurations.ts'
import { dashboardRoutes } from './dashboards.ts'
import { erasureRoutes } from './erasures.ts'
import { explainRoutes } from './explain.ts'
import { fleetRoutes } from './fleet.ts'
import { invalidationRoutes } from './invalidations.ts'
import { jobRoutes } from './jobs.ts'
import { keyRoutes } from './keys.ts'
import { maintenanceRoutes } from './maintenance.ts'
import { metricRoutes } from './metrics.ts'
import { operationRoutes } from './operations.ts'
import { optimizationRoutes } from './optimizations.ts'
import { regionRoutes } from './regions.ts'
import { reportRoutes } from './reports.ts'
import { streamRoute } from './stream.ts'
import { testConnection } from './test-connection.ts'
import { trendRoutes } from './trends.ts'
import { valueRoutes } from './values.ts'
import { warmingRoutes } from './warming.ts'

/** @param all the routes of the finished app, for the route that lists them */
export const routesOf = (all: () => readonly Route[]): readonly Route[] => [
  ...configurationRoutes,
  testConnection,
  ...metricRoutes,
  ...trendRoutes,
  ...dashboardRoutes,
  ...invalidationRoutes,
  ...erasureRoutes,
  ...warmingRoutes,
  ...applicationRoutes,
  ...alertRoutes,
  ...alertSettingRoutes,
  ...optimizationRoutes,
  ...cdnRoutes,
  ...cdnFolderRoutes,
  ...operationRoutes,
  ...keyRoutes,
  ...valueRoutes,
  ...explainRoutes,
  ...maintenanceRoutes,
  ...jobRoutes,
  ...reportRoutes,
  ...complianceRoutes,
  ...fleetRoutes,
  ...regionRoutes,
  streamRoute,
  ...auditRoutes,
  sessionRoute(all),
  ...accessRoutes,
]
