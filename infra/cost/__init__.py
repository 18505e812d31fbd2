"""What the deployment on AWS costs a month, at list prices: `python -m infra.cost`."""
