// What Rollcall looks like where a browser shows it small: two people side by side. For page.ts, and for /docs in document.ts.

const TWO_PEOPLE =
  '<rect width="32" height="32" rx="8" fill="#3553d1"/><circle cx="11" cy="12" r="3.5" fill="#fff"/><circle cx="21" cy="12" r="3.5" fill="#aebcf5"/><path d="M5 25c0-4 2.700-6.500 6-6.500s6 2.500 6 6.500z" fill="#fff"/><path d="M18.500 25c0-2.400-.6-4.300-1.600-5.700 1-.5 2.500-.8 4.100-.8 3.300 0 6 2.500 6 6.500z" fill="#aebcf5"/>';

export const ICON = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32" width="32" height="32" aria-hidden="true">${TWO_PEOPLE}</svg>`;

/** The icon and the name beside it, light on dark. */
export const LOGO = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 150 32" width="150" height="32" role="img" aria-label="Rollcall">${TWO_PEOPLE}<text x="42" y="23" font-family="system-ui, sans-serif" font-size="21" font-weight="700" fill="#fff">Rollcall</text></svg>`;
