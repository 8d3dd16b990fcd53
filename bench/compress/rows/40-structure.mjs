/** Weights that are few: shared values, and weights that go. */
const pruned = (kind, rest) => ({ method: "pruning", pruning: { kind, ...rest } });
const clustered = (clusters, rest) => ({ method: "clustering", clusters, ...rest });

export default [
  { model: "resnet20", setting: "16 clusters, k-means alone", options: clustered(16, { clusterRounds: 0 }) },
  { model: "resnet20", setting: "8 clusters", options: clustered(8) },
  { model: "resnet20", setting: "16 clusters", options: clustered(16), reach: { drop: 0.3 } },
  { model: "resnet20", setting: "32 clusters", options: clustered(32) },
  { model: "resnet20", setting: "64 clusters", options: clustered(64) },
  { model: "resnet20", setting: "50 % pruned by magnitude", options: pruned("global", { share: 0.5 }) },
  {
    model: "resnet20",
    setting: "50 % pruned by OBS",
    options: pruned("obs", { share: 0.5 }),
    reach: { drop: 0.3 },
  },
  { model: "resnet20", setting: "70 % pruned by magnitude", options: pruned("global", { share: 0.7 }) },
  {
    model: "resnet20",
    setting: "70 % pruned by OBS",
    options: pruned("obs", { share: 0.7 }),
    reach: { drop: 1.2 },
  },
  { model: "resnet20", setting: "2 of 4 pruned", options: pruned("n:m", { keep: 2, of: 4 }) },
];
