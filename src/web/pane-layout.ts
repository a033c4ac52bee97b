import { byId } from './dom.ts'

export interface PaneLayout {
  showFields(shown: boolean): void
  fieldsShown(): boolean
  /** Beside an open event there is room for the fields only on a wide screen: they make way, and come back. */
  detail(open: boolean): void
  readonly narrow: MediaQueryList
}

/** Which of the panes are seen. Sizes and places are the style sheet's. */
export function paneLayout(): PaneLayout {
  const narrow = matchMedia('(max-width: 760px)')
  const wide = matchMedia('(min-width: 1560px)')
  const classes = document.body.classList
  let madeWay = false

  const showFields = (shown: boolean): void => {
    classes.toggle('with-fields', shown)
    byId('fields-button').setAttribute('aria-expanded', String(shown))
    byId('fields-button').setAttribute('aria-pressed', String(shown))
    madeWay = false
  }
  const fieldsShown = (): boolean => classes.contains('with-fields')
  return {
    narrow,
    showFields,
    fieldsShown,
    detail(open) {
      if (open === classes.contains('has-detail')) return
      classes.toggle('has-detail', open)
      if (open && fieldsShown() && !wide.matches) {
        showFields(false)
        madeWay = true
      } else if (!open && madeWay) showFields(true)
    },
  }
}
