// A small sales pipeline with the faults of a real one, and some worse.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { makeFolder } from '../temporary-folder.ts'

const ACCOUNTS = [
  'account,sector,year_established,revenue,employees,office_location,subsidiary_of',
  'Alder Works,technolgy,1996,1100.04,2822,United States,',
  'Birch Labs,medical,1999,251.41,495,Philipines,Alder Works',
  'Cedar Foods,retail,2001,,many,Kenya,',
  'Alder Works,retail,2001,1,1,Kenya,',
]
const PRODUCTS = ['product,series,sales_price', 'GTX Pro,GTX,4821', 'MG Special,MG,55']
const TEAMS = [
  'sales_agent,manager,regional_office',
  'Ann Lee,Max Roe,East',
  'Bo Kim,Max Roe,East',
  'Cy Fox,Ida May,West',
]

/** Line numbers are those of the file: the header is line 1. */
const PIPELINE = [
  'opportunity_id,sales_agent,product,account,deal_stage,engage_date,close_date,close_value,engage_quarter,close_quarter',
  'OPP00002,Ann Lee,GTXPro,Alder Works,Won,20-10-16,01-03-17,1054,Q4 2016,Q1 2017',
  'OPP00003,Bo Kim,MG Special,Birch Labs,Lost,25-10-16,11-03-17,0,Q4 2016,Q1 2017',
  'OPP00004,Cy Fox,MG Special,,Engaging,25-10-17,,,Q4 2017,',
  'OPP00005,Cy Fox,MG Special,Cedar Foods,Prospecting,,,,,',
  'OPP00006,Ann Lee,GTX Pro,birch labs,Won,01-12-17,31-12-17,4514,Q4 2017,Q3 2017',
  'OPP00007,New Agent,GTX Pro,New Account,Won,01-06-17,30-06-17,77.50,Q2 2017,Q2 2017',
  'OPP00002,Ann Lee,GTX Pro,Alder Works,Won,20-10-16,01-03-17,9999,Q4 2016,Q1 2017',
  'OPP00009,Ann Lee,GTX Pro,Alder Works,Won,31-02-17,01-03-17,10,Q1 2017,Q1 2017',
  'OPP00010,Ann Lee,GTX Pro,Alder Works,Won,20-10-17,01-03-17,10,Q4 2017,Q1 2017',
  'OPP00011,Ann Lee,GTX Pro,Alder Works,Maybe,20-10-16,01-03-17,10,Q4 2016,Q1 2017',
  'OPP00012,Ann Lee,GTX Pro,Alder Works,Won,20-10-16,01-03-17,-10,Q4 2016,Q1 2017',
  'OPP00013,Ann Lee,GTX Pro,Alder Works,Won,20-10-16,01-03-17',
  'OPP00014,Ann Lee,Other,Alder Works,Engaging,20-10-17,01-11-17,,Q4 2017,Q4 2017',
  '',
  '"OPP00016","Ann Lee","GTX Pro","Alder Works",Won,2017-07-01,2017-07-09,12,Q3 2017,Q3 2017',
]

export type CrmFile = 'accounts.csv' | 'products.csv' | 'sales_teams.csv' | 'sales_pipeline.csv'

/** Writes the folder; files can be replaced, or left out with null. Removed with the process. */
export function writeCrm(replaced: Partial<Record<CrmFile, string | null>> = {}): string {
  const folder = makeFolder()
  const files: Record<CrmFile, string> = {
    'accounts.csv': ACCOUNTS.join('\r\n'),
    'products.csv': `\uFEFF${PRODUCTS.join('\r\n')}\r\n`,
    'sales_teams.csv': TEAMS.join('\n'),
    'sales_pipeline.csv': `${PIPELINE.join('\r\n')}\r\n`,
  }
  for (const [name, text] of Object.entries({ ...files, ...replaced }))
    if (text !== null) writeFileSync(join(folder, name), text)
  return folder
}
