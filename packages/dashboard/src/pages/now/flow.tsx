// Which tier answers: a flow that loses a part at every tier. Width is share.
import type { Summary } from '../../api/types.ts'
import { useDashboard } from '../../context.tsx'
import type { Figure } from '../../format/numbers.ts'
import { Icon } from '../../parts/icon.tsx'
import { Section } from '../../parts/section.tsx'
import { Source, sourceColor } from '../../parts/source.tsx'
import { Unit, vars } from '../../parts/words.tsx'

interface Pool {
  readonly tier: string
  readonly share: number
  readonly p99: number | null
  readonly isOpen: boolean
  readonly isOn: boolean
  /** Bytes per second, for a tier with a store of its own. */
  readonly read: number | null
  readonly written: number | null
}

const STREAM = 92
const TOP = 3
/** Half the width of the whole flow where it falls. */
const FALL = 78

/** From the last minute. */
export function TierFlow({ summary }: { readonly summary: Summary }) {
  const { numbers } = useDashboard()
  const { last_minute: minute, tiers, memory } = summary
  const reads = minute === null ? 0 : minute.hits + minute.misses
  const pools: readonly Pool[] = [
    ...tiers.map(({ name, last_minute: figures, breaker, enabled }) => ({
      tier: name,
      share: figures?.share ?? 0,
      p99: figures?.p99_ms ?? null,
      isOpen: breaker === 'open',
      isOn: enabled,
      read: figures?.read_bytes_per_second ?? null,
      written: figures?.written_bytes_per_second ?? null,
    })),
    {
      tier: 'origin',
      share: reads === 0 || minute === null ? 0 : minute.misses / reads,
      p99: null,
      isOpen: false,
      isOn: true,
      read: null,
      written: null,
    },
  ]
  const perSecond = minute === null ? 0 : reads / Math.max(1, minute.seconds)
  const said = `Of ${numbers.short(perSecond)} reads a second ${pools.map(({ tier, share }) => `${tier} answers ${Math.round(share * 100)} percent`).join(', ')}.`
  const usual = summary.health.parts.find(({ name }) => name === 'refill')?.target ?? null
  const load: Figure | undefined =
    minute?.load_avg_ms === null || minute === null ? undefined : numbers.ms(minute.load_avg_ms)
  return (
    <Section title="Which tier answers" note="width is share, of the last minute" className="now-flow">
      <div className="race">
        <svg viewBox="0 0 1000 148" preserveAspectRatio="none" role="img" aria-label={said}>
          {bands(pools).map(({ tier, d }) => (
            <path
              key={tier}
              className={`band ${tier === 'origin' ? '' : 'kept'}`}
              style={vars({ '--c': sourceColor(tier) })}
              d={d}
            />
          ))}
        </svg>
        <p className="race-in">
          <b>{numbers.short(perSecond)}</b> reads/s
        </p>
      </div>
      <div className="pools" style={{ gridTemplateColumns: `repeat(${pools.length}, minmax(0, 1fr))` }}>
        {pools.map((pool) => (
          <div className="pool" key={pool.tier} style={vars({ '--c': sourceColor(pool.tier) })}>
            <h3>
              <Source tier={pool.tier} />
            </h3>
            <p className="v">
              {numbers.percent(pool.share).value}
              <span className="u">%</span>
            </p>
            {pool.tier === 'origin' ? (
              <p>
                {load === undefined ? (
                  'no load'
                ) : (
                  <Unit figure={{ value: `${load.value} ${load.unit}`, unit: 'a load' }} />
                )}
              </p>
            ) : pool.isOpen ? (
              <p className="is-critical">
                <Icon name="critical" /> does not answer
              </p>
            ) : !pool.isOn ? (
              <p className="is-unknown">switched off</p>
            ) : (
              <p className={pool.p99 === null ? 'is-unknown' : undefined}>
                {pool.p99 === null ? (
                  'p99 no data'
                ) : (
                  <>
                    p99 <Unit figure={numbers.ms(pool.p99)} />
                  </>
                )}
              </p>
            )}
            {pool.read !== null && pool.written !== null && (
              <p>
                <span className="nw">
                  <Unit figure={perSecondOf(numbers.bytes(pool.read))} /> read,
                </span>{' '}
                <span className="nw">
                  <Unit figure={perSecondOf(numbers.bytes(pool.written))} /> written
                </span>
              </p>
            )}
            {pool.tier === 'memory' && memory.used_ratio !== null && (
              <>
                <span
                  className={`meter ${memory.used_ratio > 0.97 ? 'full' : ''}`}
                  style={vars({ '--v': memory.used_ratio * 100 })}
                  aria-hidden="true"
                >
                  <i />
                </span>
                <p>
                  <Unit figure={numbers.percent(memory.used_ratio)} /> full
                </p>
              </>
            )}
          </div>
        ))}
      </div>
      {minute !== null && (
        <p className="flow-foot">
          <span>
            The source runs <b>{numbers.short(minute.loads / Math.max(1, minute.seconds))} loads/s</b>
            {usual !== null && `, usual ${numbers.short(usual)}`}
          </span>
          <span>
            <b>{numbers.percent(reads === 0 ? 0 : minute.stale / reads).value}&nbsp;%</b> served stale
          </span>
          <span>
            <b>{minute.error_rate === null ? 'no data' : `${numbers.percent(minute.error_rate).value}\u00a0%`}</b> of
            loads failed
          </span>
        </p>
      )}
    </Section>
  )
}

const perSecondOf = ({ value, unit }: Figure): Figure => ({ value, unit: `${unit}/s` })

/** The last one is on top and goes furthest; each falls at its label. */
function bands(pools: readonly Pool[]): readonly { readonly tier: string; readonly d: string }[] {
  const step = 860 / pools.length
  let top = TOP
  return pools
    .map((pool, at) => ({ ...pool, x: 140 + step * (at + 0.5) }))
    .reverse()
    .flatMap(({ tier, share, x }) => {
      if (share <= 0.001) return []
      const [thick, wide] = [Math.max(1.5, STREAM * share), Math.max(5, FALL * 2 * share)]
      const [from, to] = [x - wide / 2, x + wide / 2]
      const under = top + thick
      const r = 16
      const bend = r + wide
      const d = `M0 ${top}H${to - bend}A${bend} ${(r * 0.62 + thick).toFixed(1)} 0 0 1 ${to} ${(top + r * 0.62 + thick).toFixed(1)}V148H${from}V${(under + r * 0.62).toFixed(1)}A${r} ${r * 0.62} 0 0 0 ${from - r} ${under}H0Z`
      top = under
      return [{ tier, d }]
    })
}
