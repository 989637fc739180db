# The settings of an Amazon MSK cluster and the topics on it that correctness rests on: the very ones that
# `pipeline topic check` compares and `pipeline topic create` sets.

terraform {
  required_version = ">= 1.5"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.0"
    }
    kafka = {
      source  = "Mongey/kafka"
      version = ">= 0.7"
    }
  }
}

locals {
  min_insync_replicas = var.replication >= 3 ? 2 : 1

  topics = {
    "${var.topic_prefix}orders"       = var.partitions
    "${var.topic_prefix}decisions"    = var.partitions
    "${var.topic_prefix}dead-letters" = 1
  }
}

# For the cluster's `configuration_info`: what holds for topics that say nothing themselves.
resource "aws_msk_configuration" "broker" {
  name           = var.configuration_name
  kafka_versions = var.kafka_versions

  server_properties = <<-PROPERTIES
    auto.create.topics.enable=false
    unclean.leader.election.enable=false
    min.insync.replicas=${local.min_insync_replicas}
    default.replication.factor=${var.replication}
    log.message.timestamp.type=LogAppendTime
    log.cleanup.policy=delete
    log.retention.bytes=-1
  PROPERTIES
}

resource "kafka_topic" "ours" {
  for_each = local.topics

  name               = each.key
  partitions         = each.value
  replication_factor = var.replication

  config = {
    "message.timestamp.type"         = "LogAppendTime"
    "cleanup.policy"                 = "delete"
    "retention.ms"                   = tostring(var.retention_ms)
    "retention.bytes"                = "-1"
    "unclean.leader.election.enable" = "false"
    "min.insync.replicas"            = tostring(local.min_insync_replicas)
    "max.message.bytes"              = "1048576"
  }
}
