module.exports = {
  mode: "production",
  entry: "./main.mjs",
  output: { path: `${__dirname}/public`, filename: "main.js" },
};
