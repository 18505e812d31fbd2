# What the deployment was told: deploy.sh takes it from here where an option is left out.

output "size" {
  description = "The size it has."
  value       = var.size
}

output "alert_sender" {
  description = "Where its alerts come from."
  value       = var.alert_sender
}

output "alert_recipients" {
  description = "Who is told of anomalies, separated by commas."
  value       = join(",", var.alert_recipients)
}
