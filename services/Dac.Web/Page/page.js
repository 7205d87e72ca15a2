const stale = document.getElementById('stale');
let shown = new Date();

async function refresh() {
  // Not while nobody looks, nor while somebody marks text to copy it.
  if (!document.hidden && getSelection().isCollapsed) {
    try {
      const response = await fetch('/', { cache: 'no-store', signal: AbortSignal.timeout(10000) });
      if (!response.ok) throw new Error(`answered ${response.status}`);
      // Only <main>: the other page's style has a nonce of its own, which this page's policy would report.
      const html = await response.text();
      const main = new DOMParser().parseFromString(html.slice(html.indexOf('<main'), html.indexOf('</main>')), 'text/html').querySelector('main');
      const focus = document.activeElement?.id;
      document.querySelector('main').replaceWith(main);
      document.title = main.dataset.title;
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
