# 员工工作簿中“Daybook”一列的回复。
answer-saved = 已保存
answer-waiting = 等待决定
answer-waiting-for = 等待决定：{ $fields }
answer-refused = 未保存：{ $reasons }
answer-field = { $field }：{ $reason }
answer-between = 、
answer-and = ；
answer-takes = { $reason }（{ $takes }）
answer-such-as = 如 { $example }
answer-other = 没有被采用

# 没有保存的原因。
answer-ambiguous-date = 日期有歧义
answer-cell-error = 单元格是错误值
answer-not-a-boolean = 不是“是”或“否”
answer-not-a-date = 不是日期
answer-not-a-datetime = 不是日期和时间
answer-not-a-number = 不是数字
answer-not-an-integer = 不是整数
answer-not-an-email = 不是电子邮件地址
answer-not-a-phone = 不是电话号码
answer-not-a-uri = 不是网址
answer-not-a-uuid = 不是 UUID
answer-not-a-uscc = 不是有效的统一社会信用代码
answer-not-a-cn-id = 不是有效的身份证号码
answer-number-lost-digits = 长数字丢失了末尾的位数，请按文本输入
answer-scientific-notation = 数字变成了科学计数法，请按文本输入
answer-number-out-of-range = 数字太大
answer-time-zone-offset = 时间带有时区
answer-not-allowed-value = 不是允许的选项
answer-pattern = 格式不符
answer-too-early = 日期太早
answer-too-late = 日期太晚
answer-too-large = 数值太大
answer-too-small = 数值太小
answer-too-long = 文字太长
answer-too-short = 文字太短
answer-no-key = 没有编号，不知道是哪条记录
answer-duplicate-key = 编号与另一行重复
answer-said-twice = 有两处内容不同
answer-repeated = 已与同一条记录的另一行合并
answer-key-alone = 除编号外没有填写内容
answer-required = 必填项为空
answer-not-unique = 另一条记录已有这个值
answer-read-only = 此工作簿只供查看
answer-forbidden = 没有修改权限
answer-rejected = 这次保存被驳回
answer-plugin-held = 不符合公司的规则
answer-plugin-failed = 检查未能运行，已通知信息技术人员
answer-plugin-skipped = 检查未能运行，内容已采用

# 已采用的内容另有提示。
answer-plugin-warning = 公司的规则提示请再看一看
answer-plugin-replaced = 已按公司的规则更改
