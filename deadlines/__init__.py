"""Running clocks and the sweeps that act when one is missed. This app knows no complaint."""
