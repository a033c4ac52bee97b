import { STORY } from './incident.ts'
import { Random } from './random.ts'
import { envoy, logrus, pino, slog, zap } from './styles/json-apps.ts'
import type { Style } from './styles/style.ts'
import { accessLog, klog, longLines, manyScripts, plain } from './styles/text-apps.ts'
import { goWithPanics, java, nodeWithTraces, python } from './styles/traces.ts'

export type Mix = 'plain' | 'mixed' | 'json'

interface Workload {
  readonly namespace: string
  readonly name: string
  /** Container's name, style, and its part of what the pod writes. */
  readonly containers: readonly (readonly [name: string, style: Style, part: number])[]
  /** It crashes and is restarted now and then. */
  readonly restarts?: boolean
}

const WORKLOADS: readonly Workload[] = [
  { namespace: 'ingress-nginx', name: 'controller', containers: [['controller', accessLog, 1]] },
  {
    namespace: STORY.namespace,
    name: 'ledger-api',
    containers: [
      ['app', pino, 0.7],
      ['istio-proxy', envoy, 0.3],
    ],
  },
  { namespace: 'shop', name: 'checkout', containers: [['app', zap, 1]] },
  { namespace: 'shop', name: 'catalog', containers: [['app', java, 1]], restarts: true },
  { namespace: 'kube-system', name: 'kube-proxy', containers: [['kube-proxy', klog, 1]] },
  {
    namespace: 'shop',
    name: 'cart',
    containers: [
      ['app', goWithPanics, 0.8],
      ['istio-proxy', envoy, 0.2],
    ],
  },
  { namespace: 'ml', name: 'recommender', containers: [['model', python, 1]] },
  { namespace: 'shop', name: 'web', containers: [['app', nodeWithTraces, 1]] },
  { namespace: 'observability', name: 'collector', containers: [['collector', logrus, 1]] },
  { namespace: 'data', name: 'exporter', containers: [['exporter', longLines, 1]] },
  { namespace: 'shop', name: 'mailer', containers: [['app', manyScripts, 1]], restarts: true },
  { namespace: 'data', name: 'stock-sync', containers: [['app', slog, 1]] },
]
const PLAIN = [plain, klog, accessLog] as const
const JSON_STYLES = [pino, zap, logrus, slog, envoy] as const

/** A place in the cluster that holds one pod after the other. */
export interface PodPlace {
  readonly workload: Workload
  readonly node: string
  /** `steady` for ever; `restarting`: the same pod, the next container; `churning`: the pod vanishes and another comes. */
  readonly life: 'steady' | 'restarting' | 'churning'
  readonly styles: readonly Style[]
  /** Part of all records that this place writes while it is alive. */
  readonly share: number
  readonly random: Random
}

export interface PlacesOptions {
  readonly seed: number
  readonly pods: number
  readonly nodes: number
  readonly mix: Mix
  readonly churn: boolean
  /** Part of all records that pods write together. */
  readonly share: number
}

/** Places by loudness: the first one is the loudest. */
export function podPlaces(options: PlacesOptions): PodPlace[] {
  const weights = Array.from({ length: options.pods }, (_, i) => (i + 1) ** -0.7)
  const sum = weights.reduce((total, weight) => total + weight, 0)
  return weights.map((weight, i) => {
    const workload = WORKLOADS[i % WORKLOADS.length]!
    return {
      workload,
      node: `node-${(i % options.nodes) + 1}`,
      life: lifeOf(i, workload, options.churn),
      styles: workload.containers.map(([, style], n) => styleFor(options.mix, style, i + n)),
      share: (options.share * weight) / sum,
      random: new Random(`${options.seed}/place-${i}`),
    }
  })
}

function lifeOf(index: number, workload: Workload, churn: boolean): PodPlace['life'] {
  if (churn && index >= 2 && index % 3 === 2) return 'churning'
  return workload.restarts ? 'restarting' : 'steady'
}

function styleFor(mix: Mix, style: Style, index: number): Style {
  if (index === 0 && mix === 'mixed') return style
  if (mix === 'plain') return PLAIN[index % PLAIN.length]!
  return mix === 'json' ? JSON_STYLES[index % JSON_STYLES.length]! : style
}

/** Name and UID of the pod that comes to a place. The ledger's is fixed: the planted story names it. */
export function nextPod(place: PodPlace, first: boolean, index: number): { pod: string; uid: string } {
  const { name } = place.workload
  const hash = `${place.random.hex(9)}-${place.random.hex(5)}`
  const pod = first && index === 1 ? STORY.pod : `${name}-${hash}`
  return { pod, uid: place.random.uuid() }
}
