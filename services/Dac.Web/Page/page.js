const stale = document.getElementById('stale');
let shown = new Date();

async function refresh() {
  // Not while nobody looks, nor while somebody marks text to copy it.
  if (!document.hidden && getSelection().isCollapsed) {
    try {
      const response = await fetch('/', { cache: 'no-store', signal: AbortSignal.timeout(10000) });
      if (!response.ok) throw new Error(`answered ${response.status}`);
      const page = new DOMParser().parseFromString(await response.text(), 'text/html');
      const focus = document.activeElement?.id;
      document.querySelector('main').replaceWith(page.querySelector('main'));
      document.title = page.title;
      if (focus) document.getElementById(focus)?.focus({ preventScroll: true });
      shown = new Date();
      stale.hidden = true;
    } catch {
      stale.textContent = `The service does not answer. These figures are of ${shown.toLocaleTimeString()}.`;
      stale.hidden = false;
    }
  }
  setTimeout(refresh, 5000);
}

setTimeout(refresh, 5000);
