/**
 * The only way in which the page makes elements. Content is given as text nodes: nothing here, and nothing elsewhere in
 * this folder, hands a string to the HTML parser, so a log line cannot become markup.
 */
export type Child = Node | string | undefined | false

interface Props {
  readonly class?: string
  readonly title?: string
  /** Attributes by name. Handlers (`on…`) and `style` are refused: the content security policy forbids them anyway. */
  readonly attrs?: Readonly<Record<string, string>>
  readonly on?: { readonly [K in keyof HTMLElementEventMap]?: (event: HTMLElementEventMap[K]) => void }
}

export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  props: Props = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag)
  if (props.class !== undefined) element.className = props.class
  if (props.title !== undefined) element.title = props.title
  for (const [name, value] of Object.entries(props.attrs ?? {})) setAttribute(element, name, value)
  for (const [name, handler] of Object.entries(props.on ?? {})) {
    element.addEventListener(name, handler as EventListener)
  }
  append(element, children)
  return element
}

/** A push button; `label` is what a screen reader says when the visible text is shorter. */
export function button(
  text: string,
  onClick: (event: MouseEvent) => void,
  options: { readonly class?: string; readonly label?: string; readonly title?: string } = {},
): HTMLButtonElement {
  const attrs: Record<string, string> = { type: 'button' }
  if (options.label !== undefined) attrs['aria-label'] = options.label
  return h(
    'button',
    {
      class: options.class ?? '',
      attrs,
      on: { click: onClick },
      ...(options.title === undefined ? {} : { title: options.title }),
    },
    text,
  )
}

/** An SVG element of our own drawing. */
export function svg(
  tag: string,
  attrs: Readonly<Record<string, string | number>>,
  ...children: Node[]
): SVGElement {
  const element = document.createElementNS('http://www.w3.org/2000/svg', tag)
  for (const [name, value] of Object.entries(attrs)) setAttribute(element, name, String(value))
  element.append(...children)
  return element
}

export function fill(parent: Element, ...children: Child[]): void {
  parent.replaceChildren()
  append(parent, children)
}

export function byId(id: string): HTMLElement {
  const element = document.getElementById(id)
  if (element === null) throw new Error(`index.html has no element #${id}`)
  return element
}

function append(parent: Element, children: readonly Child[]): void {
  for (const child of children) if (child !== undefined && child !== false) parent.append(child)
}

function setAttribute(element: Element, name: string, value: string): void {
  if (name.startsWith('on') || name === 'style') throw new Error(`attribute ${name} is not allowed`)
  element.setAttribute(name, value)
}
