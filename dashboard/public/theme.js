// Before anything is drawn, so that a dark page never flashes white.
try {
  const theme = localStorage.getItem("dashtam.theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch {
  // The system's theme then.
}
