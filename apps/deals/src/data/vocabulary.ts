// The words that generated data is made of.

export const COMPANY_FIRST = [
  'Alder', 'Amber', 'Anchor', 'Ashdown', 'Beacon', 'Birch', 'Bramble', 'Brook', 'Cedar', 'Chalk', 'Cinder', 'Cobalt', 'Copper', 'Crest',
  'Dover', 'Ember', 'Fallow', 'Fenwick', 'Ferro', 'Fjord', 'Garnet', 'Glen', 'Granite', 'Harbour', 'Hazel', 'Heron', 'Ivory', 'Juniper',
  'Kestrel', 'Larch', 'Linden', 'Lumen', 'Maple', 'Marlow', 'Meridian', 'Mistral', 'Nordic', 'Oakley', 'Onyx', 'Orchard', 'Pine', 'Quarry',
  'Raven', 'Ridge', 'Rowan', 'Sable', 'Saffron', 'Sierra', 'Slate', 'Solent', 'Sorrel', 'Summit', 'Tamar', 'Teal', 'Thorn', 'Tidal',
  'Umber', 'Vale', 'Willow', 'Wren',
] as const

export const COMPANY_LAST = [
  'Analytics', 'Biotech', 'Capital', 'Devices', 'Dynamics', 'Energy', 'Foods', 'Freight', 'Health', 'Holdings', 'Industries', 'Instruments',
  'Labs', 'Logistics', 'Media', 'Networks', 'Partners', 'Robotics', 'Software', 'Supply', 'Systems', 'Textiles', 'Tools', 'Works',
] as const

export const SECTORS = [
  'technology', 'medical', 'retail', 'software', 'entertainment', 'marketing', 'telecommunications', 'finance', 'employment', 'services',
] as const

export const LOCATIONS = [
  'Amsterdam', 'Austin', 'Berlin', 'Bogotá', 'Boston', 'Cape Town', 'Chicago', 'Dublin', 'Kraków', 'Lisbon', 'London', 'Lyon', 'Madrid',
  'Melbourne', 'Montréal', 'Nairobi', 'Osaka', 'Oslo', 'São Paulo', 'Seoul', 'Singapore', 'Tallinn', 'Toronto', 'Zürich',
] as const

export const FIRST_NAMES = [
  'Ada', 'Adrian', 'Aisha', 'Alba', 'Amara', 'Anders', 'Ana', 'Arjun', 'Beatriz', 'Ben', 'Carla', 'Chen', 'Chloé', 'Dalia', 'Daniel', 'Diego',
  'Elif', 'Emil', 'Eva', 'Farah', 'Felix', 'Freya', 'Gita', 'Hana', 'Hugo', 'Ibrahim', 'Ines', 'Iris', 'Ivan', 'Jana', 'Jonas', 'Julia',
  'Kai', 'Karim', 'Kofi', 'Lars', 'Leila', 'Lena', 'Liam', 'Lucía', 'Maja', 'Malik', 'Marta', 'Mateo', 'Mei', 'Mila', 'Nadia', 'Nils',
  'Noor', 'Olga', 'Omar', 'Paula', 'Priya', 'Rafael', 'Rosa', 'Ruth', 'Sami', 'Sara', 'Sofia', 'Tariq', 'Tessa', 'Tomás', 'Vera', 'Yara',
] as const

export const LAST_NAMES = [
  'Abbott', 'Almeida', 'Andersen', 'Bakker', 'Banerjee', 'Becker', 'Bergström', 'Blanc', 'Castillo', 'Chaudhry', 'Costa', 'Demir', 'Diallo',
  'Dubois', 'Eriksen', 'Fischer', 'Fontaine', 'García', 'Haddad', 'Hoffmann', 'Ito', 'Jansen', 'Kaya', 'Keller', 'Kim', 'Kowalski', 'Larsen',
  'Lindqvist', 'Lopez', 'Mbeki', 'Mensah', 'Meyer', 'Moreau', 'Nakamura', 'Ndiaye', 'Nowak', 'Okafor', 'Oliveira', 'Olsen', 'Patel',
  'Petrov', 'Quinn', 'Rahman', 'Ramos', 'Rossi', 'Santos', 'Schmidt', 'Sharma', 'Silva', 'Singh', 'Suzuki', 'Tanaka', 'Thomas', 'Vargas',
  'Visser', 'Weber', 'Wójcik', 'Yilmaz', 'Zhang', 'Ziegler',
] as const

export const TITLES = ['Account executive', 'Sales engineer', 'Account manager', 'Sales development', 'Customer success', 'Solutions consultant'] as const

export const TEAMS = ['North', 'South', 'East', 'West', 'Enterprise'] as const

/** Product, list price in cents, how often it is asked for. */
export const PRODUCTS = [
  ['Sluice Starter', 49_000, 9],
  ['Sluice Team', 240_000, 8],
  ['Weir Analytics', 610_000, 6],
  ['Weir Forecast', 980_000, 4],
  ['Mill Platform', 2_400_000, 3],
  ['Mill Enterprise', 7_800_000, 1],
] as const

/** Source, share of deals, win rate. */
export const SOURCES = [
  ['website', 30, 0.42],
  ['referral', 18, 0.68],
  ['outbound', 22, 0.35],
  ['event', 12, 0.47],
  ['partner', 11, 0.61],
  ['advertising', 7, 0.29],
] as const

export const NEEDS = ['Rollout', 'Renewal', 'Expansion', 'Pilot', 'Migration', 'Replacement', 'Framework contract', 'Upgrade'] as const

export const MILESTONES = ['Discovery call', 'Demonstration', 'Security review', 'Proposal accepted', 'Legal review', 'Signature'] as const

/** Kind of activity and its usual minutes. */
export const ACTIVITIES = [
  ['call', 15],
  ['email', 5],
  ['meeting', 45],
  ['note', 5],
  ['demonstration', 60],
] as const

export const PAYMENT_METHODS = ['bank transfer', 'card', 'direct debit'] as const

/** How busy each month is, January first: quiet August, strong last quarter. */
export const SEASON = [0.92, 0.96, 1.12, 0.98, 1.0, 1.08, 0.82, 0.66, 1.1, 1.12, 1.16, 1.02] as const

/** Permission code, its number, what it allows. */
export const PERMISSIONS = [
  ['dashboard.view', 1, 'See the own dashboard'],
  ['deals.view', 2, 'See and search deals'],
  ['analytics.view', 3, 'See statistics and analytics'],
  ['deals.edit', 4, 'Add, change and remove deals'],
  ['cache.view', 5, 'See what the cache does'],
  ['members.edit', 6, 'Change users and their roles'],
  ['roles.edit', 7, 'Change role definitions'],
  ['organization.edit', 8, 'Change the organisation'],
  ['cache.manage', 9, 'Warm and invalidate the cache'],
] as const

/** The roles of every organisation: each inherits what the one before it may do. */
export const ROLES = [
  ['viewer', 10, 'Looks, changes nothing', ['dashboard.view', 'deals.view', 'analytics.view']],
  ['sales', 20, 'Works on deals', ['deals.edit']],
  ['manager', 30, 'Runs a team and watches the cache', ['cache.view']],
  ['administrator', 40, 'Runs the organisation', ['members.edit', 'roles.edit', 'organization.edit', 'cache.manage']],
] as const
