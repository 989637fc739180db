output "configuration_arn" {
  description = "For the cluster's configuration_info."
  value       = aws_msk_configuration.broker.arn
}

output "configuration_revision" {
  description = "For the cluster's configuration_info."
  value       = aws_msk_configuration.broker.latest_revision
}

output "topics" {
  description = "The topics' names."
  value       = sort(keys(local.topics))
}
