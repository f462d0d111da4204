// Runs before the first paint, so that a dark page never flashes white.
try {
  const theme = localStorage.getItem("dashtam.theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch {
  // Without storage the system's theme applies.
}
